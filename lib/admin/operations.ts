import { OperationNotFoundError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'

/** Something that takes its time. */
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

/** How many that are over are remembered. */
const kept = 100

/** What operators have asked for, and what has come of it. */
export class Operations {
  readonly #operations = new Map<string, Operation>()
  #last = 0

  /** Returns what is remembered, and a promise that settles as the work does. */
  begin (action: string, model: string, work: () => Promise<void>): { operation: Operation, end: Promise<void> } {
    const operation: Operation = { id: String(++this.#last), action, model, state: 'running', since: Date.now() }
    this.#operations.set(operation.id, operation)
    const end = work().then(() => this.#end(operation, 'done'), (error: LlmuxError) => {
      operation.error = { code: error.code, message: error.message }
      this.#end(operation, 'failed')
      throw error
    })
    // Whoever does not wait asks later.
    end.catch(() => {})
    return { operation, end }
  }

  get (id: string): Operation {
    const operation = this.#operations.get(id)
    if (operation === undefined) throw new OperationNotFoundError(id)
    return operation
  }

  #end (operation: Operation, state: Operation['state']): void {
    operation.state = state
    operation.until = Date.now()
    const over = [...this.#operations.values()].filter(({ state }) => state !== 'running')
    for (const { id } of over.slice(0, -kept)) this.#operations.delete(id)
  }
}
