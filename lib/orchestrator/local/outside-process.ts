import type { Clock } from '../../clock.ts'
import type { EngineProcess } from '../driver.ts'
import { tell, type Outside } from '../orphans/outside.ts'

export interface OutsideContext {
  clock: Clock
  outside: Outside
  /** The environment of the commands, beyond ours. */
  env: Record<string, string>
  /** Called once, when all is gone. */
  onGone: () => void
  tell?: typeof tell
}

/** Milliseconds between looks for what is still there. */
const pause = 50

/** A process group of ours, and what it has started outside of it: over when both are gone. */
export class OutsideProcess implements EngineProcess {
  readonly #group: EngineProcess
  readonly #clock: Clock
  readonly #outside: Outside
  readonly #onGone: () => void
  readonly #tell: (command: string[]) => Promise<string>
  #told: Promise<void> = Promise.resolve()
  #gone = false

  constructor (group: EngineProcess, { clock, outside, env, onGone, tell: run = tell }: OutsideContext) {
    this.#group = group
    this.#clock = clock
    this.#outside = outside
    this.#onGone = onGone
    this.#tell = command => run(command, env)
  }

  get pid (): number | undefined {
    return this.#group.pid
  }

  lastLines (count: number): string[] {
    return this.#group.lastLines(count)
  }

  /** Our own group ends by itself when the other one does. It is signalled if there is none, or if nothing may be left. */
  signal (signal: NodeJS.Signals): void {
    const passed = this.#tell(this.#outside.signal(signal)).then(() => true, () => false)
    this.#told = passed.then(passed => { if (!passed || signal === 'SIGKILL') this.#group.signal(signal) })
  }

  async gone (limit: number): Promise<boolean> {
    if (this.#gone) return true
    const deadline = this.#clock.now() + limit
    await this.#within(this.#told, limit)
    if (!await this.#group.gone(Math.max(0, deadline - this.#clock.now()))) return false
    while (!await this.#endIt()) {
      if (this.#clock.now() >= deadline) return false
      await new Promise<void>(resolve => { this.#clock.setTimeout(resolve, pause) })
    }
    if (!this.#gone) this.#onGone()
    this.#gone = true
    return true
  }

  async flushed (): Promise<void> {
    await this.#group.flushed()
  }

  /** The client of the runtime may end before the container. Resolves with whether the container is known to be gone; false if the runtime does not answer. */
  async #endIt (): Promise<boolean> {
    const { list, end } = this.#outside
    if (list === undefined || this.#gone) return true
    const isGone = async () => await this.#tell(list).then(text => text === '', () => false)
    if (await isGone()) return true
    // That it fails shows in what is listed.
    await this.#tell(end).catch(() => {})
    return await isGone()
  }

  async #within (promise: Promise<void>, limit: number): Promise<void> {
    let timer
    await Promise.race([promise, new Promise<void>(resolve => { timer = this.#clock.setTimeout(resolve, limit) })])
    this.#clock.clearTimeout(timer)
  }
}
