import type { FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { AdminLimitError, OperationNotFoundError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'

/** An order that takes time. */
export interface Operation {
  id: string
  action: string
  model: string
  state: 'running' | 'done' | 'failed'
  /** Milliseconds since the epoch. */
  since: number
  until?: number
  error?: { code: string | undefined, message: string }
}

export interface OperationAnswer {
  /** The prefix of the operators' routes. */
  prefix: string
  reply: FastifyReply
  wait: boolean
}

/** The number of finished operations that are kept. */
const kept = 100

/** The number that may run: each waits in the switcher for its turn. */
export const mostRunning = 100

/** The operators' orders and their results. */
export class Operations {
  readonly #operations = new Map<string, Operation>()
  readonly #clock: Clock
  #running = 0
  #last = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /**
   * Returns the operation, and a promise that settles with the work.
   *
   * @throws {AdminLimitError}
   */
  begin (action: string, model: string, work: () => Promise<void>): { operation: Operation, end: Promise<void> } {
    if (this.#running === mostRunning) throw new AdminLimitError('operations', mostRunning)
    this.#running++
    const operation: Operation = { id: String(++this.#last), action, model, state: 'running', since: this.#now() }
    this.#operations.set(operation.id, operation)
    const end = work().then(() => this.#end(operation, 'done'), (error: LlmuxError) => {
      operation.error = { code: error.code, message: error.message }
      this.#end(operation, 'failed')
      throw error
    })
    // A caller that does not wait asks later.
    end.catch(() => {})
    return { operation, end }
  }

  /** Answers with an operation: at its end if the caller waits, otherwise at once with its address. */
  async answer ({ operation, end }: ReturnType<Operations['begin']>, { prefix, reply, wait }: OperationAnswer): Promise<{ operation: Operation }> {
    if (wait) await end
    else reply.code(202).header('location', `${prefix}/operations/${operation.id}`)
    return { operation }
  }

  get (id: string): Operation {
    const operation = this.#operations.get(id)
    if (operation === undefined) throw new OperationNotFoundError(id)
    return operation
  }

  #end (operation: Operation, state: Operation['state']): void {
    operation.state = state
    operation.until = this.#now()
    this.#running--
    // Moves it to the end of the list: after a long run it would be the first to be dropped.
    this.#operations.delete(operation.id)
    this.#operations.set(operation.id, operation)
    const over = [...this.#operations.values()].filter(({ state }) => state !== 'running')
    for (const { id } of over.slice(0, -kept)) this.#operations.delete(id)
  }

  #now (): number {
    return Math.round(this.#clock.now())
  }
}
