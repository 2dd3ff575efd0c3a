import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'

export interface StartCheckContext {
  orchestrator: Pick<Orchestrator, 'check' | 'obstacle'>
  events: LlmuxEvents
  clock: Clock
}

/** What is known to be in the way of models before anybody has asked for them: a command that is not there, say. */
export class StartCheck {
  readonly #context: StartCheckContext
  readonly #obstacles = new Map<string, Error>()

  constructor (context: StartCheckContext) {
    this.#context = context
    // From then on the engine itself says how it fares.
    context.events.on('engine', ({ model }) => this.#obstacles.delete(model))
  }

  /** Looks at all models, and warns of each that could not be started. */
  async run (ids: string[]): Promise<void> {
    const { orchestrator, events, clock } = this.#context
    await Promise.all(ids.map(async id => {
      // It passes by itself, so it is asked for anew each time.
      const error = orchestrator.obstacle(id)
      if (error !== undefined) events.emit('warning', { time: clock.now(), model: id, error })
      await orchestrator.check(id).catch((error: Error) => {
        this.#obstacles.set(id, error)
        events.emit('warning', { time: clock.now(), model: id, error })
      })
    }))
  }

  /** Why it could not be started when the server was; undefined once its engine has done anything. */
  obstacle (id: string): Error | undefined {
    return this.#obstacles.get(id)
  }
}

/** Says at the start what can be known at the start. */
export function checkStarts (fastify: FastifyInstance, ids: string[], context: StartCheckContext): StartCheck {
  const check = new StartCheck(context)
  fastify.addHook('onReady', async () => await check.run(ids))
  return check
}
