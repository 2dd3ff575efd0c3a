import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'
import { SharedMemoryError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Machine, ResolvedModel } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'

export interface StartCheckContext {
  orchestrator: Pick<Orchestrator, 'check' | 'obstacle'>
  events: LlmuxEvents
  clock: Clock
}

/** Known obstacles of models before the first request: a command that does not exist, for example. */
export class StartCheck {
  readonly #context: StartCheckContext
  readonly #obstacles = new Map<string, Error>()

  constructor (context: StartCheckContext) {
    this.#context = context
    // From then on the engine's state says more.
    context.events.on('engine', ({ model }) => this.#obstacles.delete(model))
  }

  /** Checks all models, and warns of each one that could not start. */
  async run (ids: string[]): Promise<void> {
    const { orchestrator, events, clock } = this.#context
    await Promise.all(ids.map(async id => {
      // This obstacle goes away by itself, so it is checked anew each time.
      const error = orchestrator.obstacle(id)
      if (error !== undefined) events.emit('warning', { time: clock.now(), model: id, error })
      await orchestrator.check(id).catch((error: Error) => {
        this.#obstacles.set(id, error)
        events.emit('warning', { time: clock.now(), model: id, error })
      })
    }))
  }

  /** Why the model could not start when the server did; undefined once its engine has done anything. */
  obstacle (id: string): Error | undefined {
    return this.#obstacles.get(id)
  }
}

/** Reports at the start what is known at the start. */
export function checkStarts (fastify: FastifyInstance, ids: string[], context: StartCheckContext): StartCheck {
  const check = new StartCheck(context)
  fastify.addHook('onReady', async () => await check.run(ids))
  return check
}

/** Says at the start which models would free nothing by sleeping at level 1: their weights go to host memory, which is the GPU's. */
export function warnOfSharedMemory (models: readonly ResolvedModel[], { gpus = [] }: Pick<Machine, 'gpus'>, { events, clock }: { events: LlmuxEvents, clock: Clock }): void {
  const shared = gpus.filter(({ total, uuid }) => total === undefined && !uuid.startsWith('MIG-')).map(({ index }) => index)
  for (const { id, sleepLevel, sleepMode, gpus } of models) {
    const gpu = gpus.find(gpu => shared.includes(gpu))
    if (gpu === undefined || sleepLevel !== 1 || sleepMode !== true) continue
    events.emit('warning', { time: clock.now(), model: id, error: new SharedMemoryError(id, gpu) })
  }
}
