import type { Clock } from '../../clock.ts'
import type { Held } from '../../gateway/relay/passage.ts'

/** One request that a node has: from when it is sent until its last byte, or its end by any other way. */
export class NodeLease implements Held {
  readonly model: string
  readonly frozen = false
  /** Why it was taken away; undefined if it was not. */
  error: Error | undefined
  /** When the last byte came, in milliseconds; undefined as long as none has. */
  heardAt: number | undefined
  /** Breaks its connection as if the node had. */
  interrupt: (reason: Error) => void = () => {}
  readonly #clock: Clock
  readonly #onEnd: (lease: NodeLease) => void
  #output = 0
  #cut: ((error: Error) => void) | undefined

  constructor (model: string, clock: Clock, onEnd: (lease: NodeLease) => void) {
    this.model = model
    this.#clock = clock
    this.#onEnd = onEnd
  }

  get output (): number {
    return this.#output
  }

  set output (bytes: number) {
    this.#output = bytes
    this.heardAt = this.#clock.now()
  }

  release (): void {
    this.#cut = undefined
    this.#onEnd(this)
  }

  cut (error: Error): void {
    this.#cut?.(error)
  }

  whenCut (callback: (error: Error) => void): void {
    this.#cut = callback
  }

  /** What a node does with its engines it tells nobody but by comments. */
  whenFrozen (): void {}
}
