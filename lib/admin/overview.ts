import type { Clock } from '../clock.ts'
import type { GpuHolder } from '../host/gpu-memory.ts'
import type { Llmux } from '../host/llmux.ts'
import { hostMemory } from './host-memory.ts'
import type { HostMemory } from './host-memory.ts'
import { withErrors } from './journal.ts'

/** So many are listed of those who wait for a model, and of those in flight. */
export const most = 100

/** Milliseconds for which one answer does for all who ask: a hundred pages cost no more than one. */
const fresh = 250
/** Host memory is read from many files, GPU memory by a command; both change slowly. */
const freshMemory = 5_000

/** All that a page shows of this moment, in one answer. */
export class Overview {
  readonly #llmux: Llmux
  readonly #clock: Clock
  #text = ''
  #madeAt = -Infinity
  #memory: HostMemory | undefined
  #holders: GpuHolder[] | undefined
  #readAt = -Infinity

  constructor (llmux: Llmux, clock: Clock) {
    this.#llmux = llmux
    this.#clock = clock
  }

  /** As JSON. */
  async text (): Promise<string> {
    const now = this.#clock.now()
    if (now - this.#readAt >= freshMemory) await this.#readMemory(now)
    if (now - this.#madeAt < fresh) return this.#text
    this.#madeAt = now
    const overview = { time: now, status: this.#llmux.status(), ...this.#llmux.requests({ most }), hostMemory: this.#memory, gpuHolders: this.#holders }
    this.#text = JSON.stringify(overview, withErrors)
    return this.#text
  }

  /** Whoever asks meanwhile is told what was read last. */
  async #readMemory (now: number): Promise<void> {
    this.#readAt = now
    // Nobody waits for a command, which may hang. One that fails has been warned of by the start that wanted to know.
    this.#llmux.gpuHolders().then(holders => { this.#holders = holders }, () => { this.#holders = undefined })
    this.#memory = await hostMemory(this.#llmux.status().models)
  }
}
