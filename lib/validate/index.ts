export { reportText } from './report-text.ts'
export type { Cycle, Failure, FreezeReport, FreezeVerdict, GpuFigures, HostFigures, LevelReport, ModelReport, Trial, ValidationReport, Verdict } from './types.ts'
export { validate } from './validate.ts'
export type { ValidateOptions } from './validate.ts'
