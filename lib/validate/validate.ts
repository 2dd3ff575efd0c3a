import { systemClock, type Clock } from '../clock.ts'
import { ModelNotFoundError, OptionsError } from '../errors.ts'
import { resolveOptions } from '../options/index.ts'
import type { LlmuxOptions, ResolvedModel, ResolvedOptions, SleepLevel } from '../options/types.ts'
import { lookAtMachine } from '../orchestrator/gpus/machine.ts'
import { memoryCommand } from '../orchestrator/memory/memory-command.ts'
import { bestLevel, worst, judge } from './judge.ts'
import { GpuUse } from './gpu-use.ts'
import { Subject } from './subject.ts'
import { runTrial } from './trial.ts'
import type { LevelReport, ModelReport, Trial, ValidationReport } from './types.ts'

export interface ValidateOptions {
  /** Names of the models to look at. Default: all of them. */
  models?: string[]
  /** Default: all that the engine has; only 3 where `sleepMode` is `false`. */
  levels?: SleepLevel[]
  /** How often each sleeps and wakes. Default 3. Minimum 1. */
  cycles?: number
  /** Of the GPU memory that a model took, what must be free while it sleeps at level 1 or 2: from 0 to 1. Default 0.8. */
  share?: number
  /** Ends it: engines are stopped, and the promise rejects with the reason. */
  signal?: AbortSignal
  /** Called when a level is looked at next, and with what came of it. */
  onLevel?: (model: string, level: SleepLevel, report?: LevelReport) => void
  /** Called with each line that an engine writes. */
  onLine?: (model: string, stream: 'stdout' | 'stderr', line: string) => void
  clock?: Clock
}

type Settings = Required<Omit<ValidateOptions, 'levels' | 'models'>> & Pick<ValidateOptions, 'levels'> & { options: ResolvedOptions }

/**
 * Whether models survive sleeping. Each is started, asked, put to sleep, woken and asked again, one engine at a time, with
 * the GPU to itself: nothing else should use it meanwhile. Options as the plugin's.
 *
 * @throws {OptionsError | ModelNotFoundError} What an engine does wrong is in the report, and never thrown.
 */
export async function validate (given: LlmuxOptions, { models, ...more }: ValidateOptions = {}): Promise<ValidationReport> {
  const settings: Settings = {
    cycles: 3,
    share: 0.8,
    signal: new AbortController().signal,
    onLevel: () => {},
    onLine: () => {},
    clock: systemClock,
    ...more,
    options: resolveOptions(given, await lookAtMachine({ warn: error => process.emitWarning(error) }))
  }
  check(settings)
  const reports: ModelReport[] = []
  for (const model of chosen(settings.options, models)) reports.push(await validateModel(model, settings))
  const { clock, cycles, share } = settings
  const verdict = worst(reports.flatMap(({ levels }) => levels.map(({ verdict }) => verdict)))
  return { time: new Date(clock.now()).toISOString(), cycles, share, verdict, models: reports }
}

function check ({ cycles, share }: Settings): void {
  if (!Number.isSafeInteger(cycles) || cycles < 1) throw new OptionsError('cycles', `must be a whole number of at least 1, not ${cycles}`)
  if (!(share >= 0 && share <= 1)) throw new OptionsError('share', `must be from 0 to 1, not ${share}`)
}

function chosen ({ models, names }: ResolvedOptions, wanted: string[] | undefined): ResolvedModel[] {
  const here = models.filter(({ url }) => url === undefined)
  if (wanted === undefined) return here
  const ids = wanted.map(name => {
    const id = names.get(name)
    if (id === undefined) throw new ModelNotFoundError(name)
    if (here.every(model => model.id !== id)) throw new OptionsError('models', `must name models that run on this machine, not ${JSON.stringify(name)}, which has a url`)
    return id
  })
  return here.filter(({ id }) => ids.includes(id))
}

async function validateModel (model: ResolvedModel, settings: Settings): Promise<ModelReport> {
  const { levels = model.sleepMode === false ? [3] : [...model.engine.levels].sort(), signal, clock, options } = settings
  const subject = new Subject({ ...settings, model })
  const gpu = new GpuUse({ clock, signal, gpus: model.gpus, limit: model.timeouts.memory, read: memoryCommand(options.gpuMemoryCommand) })
  const reports: LevelReport[] = []
  try {
    for (const level of levels as SleepLevel[]) {
      signal.throwIfAborted()
      settings.onLevel(model.id, level)
      const report = await validateLevel({ subject, gpu, level, settings, former: reports.at(-1) })
      settings.onLevel(model.id, level, report)
      reports.push(report)
    }
  } finally {
    await subject.close()
  }
  return { model: model.id, levels: reports, best: bestLevel(reports) }
}

interface LevelContext {
  subject: Subject
  gpu: GpuUse
  level: SleepLevel
  settings: Settings
  former: LevelReport | undefined
}

async function validateLevel ({ subject, gpu, level, settings, former }: LevelContext): Promise<LevelReport> {
  // Without a start there is nothing that a level could change, and each try takes minutes.
  const failure = former?.failure?.phase === 'start' && former.failure.cycle === 0 ? former.failure : undefined
  const trial: Trial = failure === undefined ? await runTrial({ ...settings, subject, gpu, level }) : { level, phases: {}, cycles: [], warnings: [], failure }
  return { ...trial, ...judge(trial, settings.share) }
}
