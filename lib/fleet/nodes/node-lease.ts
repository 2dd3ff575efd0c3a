import type { Clock } from '../../clock.ts'
import type { Held } from '../../gateway/relay/passage.ts'
import type { Node } from './node.ts'

/** One request that a node has: from when it is sent until its last byte, or its end by any other way. */
export class NodeLease implements Held {
  readonly model: string
  readonly frozen = false
  /** Why it was taken away; undefined if it was not. */
  error: Error | undefined
  /** When the last byte came, in milliseconds; undefined as long as none has. */
  heardAt: number | undefined
  /** The name by which it can be taken back. */
  readonly name: string
  /** Whether the node may have it in a queue: nothing of an answer has come but comments. */
  silent = true
  /** When the edge last tried to take it back, in milliseconds since the epoch. */
  askedAt = 0
  /** The node that gets it if the edge can take it back. */
  moving: Node | undefined
  /** Breaks its connection as if the node had. */
  interrupt: (reason: Error) => void = () => {}
  readonly #clock: Clock
  readonly #onEnd: (lease: NodeLease) => void
  #output = 0
  #cut: ((error: Error) => void) | undefined

  constructor ({ model, name }: { model: string, name: string }, clock: Clock, onEnd: (lease: NodeLease) => void) {
    this.model = model
    this.name = name
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
