import type { Clock } from '../clock.ts'
import type { GpuHolder } from '../host/gpu-memory.ts'
import type { Llmux } from '../host/llmux.ts'
import { groupMemory, machineMemory } from '../orchestrator/memory/host-memory.ts'
import type { HostMemory as MachineMemory } from '../orchestrator/memory/host-memory.ts'
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

/** In bytes. */
export interface HostMemory extends MachineMemory {
  /** Memory of each model's processes, if it has any and /proc is readable. */
  models: Record<string, number>
}

interface Running {
  name: string
  pid: number | undefined
}

/** What the machine has, and what of it the engines hold. */
async function hostMemory (models: readonly Running[]): Promise<HostMemory> {
  const running = models.flatMap(({ name, pid }) => pid === undefined ? [] : [{ name, pid }])
  const held = await Promise.all(running.map(async ({ name, pid }) => [name, await groupMemory(pid) ?? 0] as const))
  return { ...await machineMemory(), models: Object.fromEntries(held.filter(([, bytes]) => bytes > 0)) }
}
