import type { StartStage } from '../../events.ts'

/** The stages of a start, in the order in which they come. */
export const stages: readonly StartStage[] = ['launching', 'initializing', 'loading', 'compiling', 'profiling', 'capturing', 'listening']
