import type { Clock } from '../clock.ts'
import type { GpuHolder } from '../host/gpu-memory.ts'
import type { Llmux } from '../host/llmux.ts'
import { hostMemory } from './host-memory.ts'
import type { HostMemory } from './host-memory.ts'
import { withErrors } from './journal.ts'

/** How many waiting requests of each model are listed, and how many in flight. */
export const most = 100

/** Milliseconds for which one answer serves all callers: a hundred pages cost no more than one. */
const fresh = 250
/** Host memory is read from many files, GPU memory by a command; both change slowly. */
const freshMemory = 5_000

/** Everything that a page shows of this moment, in one answer. */
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

  /** Meanwhile callers get the last reading. */
  async #readMemory (now: number): Promise<void> {
    this.#readAt = now
    // Does not wait for a command, which may hang. A failing one is reported by the start that needs it.
    this.#llmux.gpuHolders().then(holders => { this.#holders = holders }, () => { this.#holders = undefined })
    this.#memory = await hostMemory(this.#llmux.status().models)
  }
}
