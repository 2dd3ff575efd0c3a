import type { Clock } from '../clock.ts'
import { GpuMemoryError, ProcessDiedError, SleepError, StopError, StopTimeoutError, WakeError } from '../errors.ts'
import type { LlmuxError } from '../errors.ts'
import type { ResolvedModel, SleepLevel } from '../options/types.ts'
import type { WakeSteps } from '../events.ts'
import type { SleepReport } from '../engines/index.ts'
import type { Driver } from './driver.ts'
import { EngineMemory } from './engine-memory.ts'
import type { EngineStatus } from './engine-status.ts'
import { EngineSteps } from './engine-steps.ts'
import { KeptRequests } from './keeping.ts'
import { explained } from './last-words.ts'
import { Life } from './life.ts'
import type { HostBudget } from './memory/host-budget.ts'
import type { Sleepers } from './memory/memory-at-hand.ts'
import type { MemoryWatch } from './memory/memory-watch.ts'
import type { StartProgress } from './progress/start-progress.ts'
import type { StartBackoff } from './start-backoff.ts'
import { says } from './says.ts'
import { StepTimer } from './step-timer.ts'
import { pause } from './time-limit.ts'

export interface OperationsContext {
  model: ResolvedModel
  driver: Driver
  clock: Clock
  status: EngineStatus
  backoff: StartBackoff
  progress: StartProgress
  /** Undefined if GPU memory cannot be read. */
  memory: MemoryWatch | undefined
  host: HostBudget
  sleepers: Sleepers
  /** Called when the engine has lost requests that it kept frozen. */
  onLost: (id: string, error: Error) => void
  /** The leader of the group ended. */
  onExit: (life: Life) => void
  /** Not even SIGKILL ended the group. */
  onStuck: (life: Life) => void
}

/** How long after a failed call to wait for news of the process's end. Milliseconds. */
const exitPause = 50

/**
 * The operations on one engine, one at a time. `epoch` aborts when an operation is no longer wanted. However an operation
 * fails, it leaves a working engine or no process, or throws StopError.
 */
export class EngineOperations {
  /** There is one exactly while there are processes. */
  life: Life | undefined
  readonly kept: KeptRequests
  readonly #context: OperationsContext
  readonly #memory: EngineMemory
  readonly #timer: StepTimer
  #lines: (count: number) => string[] = () => []

  constructor (context: OperationsContext) {
    this.#context = context
    this.kept = new KeptRequests(error => context.onLost(context.model.id, error))
    this.#memory = new EngineMemory(context)
    this.#timer = new StepTimer(context.clock)
  }

  /** What bringing it up consisted of, the last time. */
  get steps (): WakeSteps { return { ...this.#memory.steps, ...this.#timer.steps } }

  /** What the engine has reported about its last sleep and wake. */
  get report (): SleepReport | undefined { return this.#memory.report }

  /** The last lines of this life or, after its end, of the last one. */
  lastLines (count: number): string[] {
    return this.#lines(count)
  }

  /** Wakes or starts it; an engine that cannot wake is started anew. `force`: also during the pause after failed starts. */
  async wake (epoch: AbortSignal, force: boolean): Promise<void> {
    const { status, backoff } = this.#context
    epoch.throwIfAborted()
    if (status.state === 'awake') return
    if (this.life?.stuck) await this.end(this.life)
    const { level } = status
    this.#memory.reset()
    this.#timer.reset() // also for one that is refused: steps are those of this attempt
    if (level === undefined && !force) backoff.check()
    try {
      const how = level !== undefined && await this.#rouse(level, epoch) ? 'woken' : 'started'
      if (how === 'started') await this.#start(epoch)
      this.#arrive(how)
    } catch (error) {
      throw await this.#giveUp(error as Error, epoch)
    }
  }

  /** With `frozen` requests in flight, which it keeps. */
  async sleep (level: SleepLevel, epoch: AbortSignal, frozen = 0): Promise<void> {
    const { life } = this
    if (life === undefined) return
    if (level === 3 || epoch.aborted || life.stuck) return await this.stop('sleep requested at level 3')
    const { status } = this.#context
    if (status.state === 'asleep') return
    const details = { level, pid: life.pid, ...(frozen > 0 && { frozen }) }
    status.change('sleeping', 'sleep requested', details)
    this.#memory.sleeping()
    try {
      const real = level === 1 ? await this.#memory.levelOfSleep(life, frozen) : level
      if (real === 3) return await this.stop('host memory is short')
      await this.#steps(epoch).sleep(real, this.kept.hold(frozen))
      await this.#memory.slept(life, real)
      // Level 2 also discards the weights of LoRA adapters; only another load restores them.
      if (real === 2) life.adapters.clear()
      status.change('asleep', 'sleep requested', { ...details, level: real, ...this.#memory.report })
    } catch (error) {
      await this.#failSleep(error as Error, epoch)
    }
  }

  async stop (reason: string): Promise<void> {
    const { model, status } = this.#context
    if (this.life === undefined) return
    status.change('stopping', reason, { pid: this.life.pid })
    this.kept.lose(new ProcessDiedError(model.id, reason))
    await this.end(this.life)
    status.change('stopped', reason)
  }

  /** Whether it is healthy, or its core responds. */
  async says (question: 'probe' | 'responds'): Promise<boolean> {
    return await says(this.#context, this.life!.dead, question)
  }

  /** @throws {StopError} if not even SIGKILL ends the group */
  async end (life: Life, starting = false): Promise<void> {
    const { model, model: { id, timeouts }, driver, status, onStuck } = this.#context
    const wasStuck = life.stuck
    // An engine may not end while a connection is open. What a dead one has sent may still be on its way to somebody.
    driver.disconnect(model, life.dead.aborted)
    if (await life.end(timeouts.stop, () => status.warn(new StopTimeoutError(id, timeouts.stop)))) {
      this.forget()
      return
    }
    const error = new StopError(id, `process group ${life.pid} is still there after SIGKILL`)
    status.change('failed', error.message, { pid: life.pid, error: starting ? life.explain(error) : error })
    if (!wasStuck) onStuck(life)
    throw error
  }

  /** Its process group is gone. */
  forget (): void {
    this.life = undefined
    this.kept.forget()
    this.#memory.release()
  }

  async #start (epoch: AbortSignal): Promise<void> {
    const { model, driver, status, progress, onExit } = this.#context
    status.change('starting', 'wanted')
    const memoryShare = await this.#memory.awaitStart([epoch])
    await progress.during(status.request, () => this.#timer.time('start', async () => {
      const life = await Life.begin(driver, model, memoryShare, onExit, text => {
        progress.read(text)
        this.#memory.read(text)
      })
      this.life = life
      this.#lines = count => life.lines(count)
      await this.#steps(epoch).start()
    }))
    await this.#warmUp(epoch)
    await this.kept.learn(model, () => this.#steps(epoch).version(), error => status.warn(error))
  }

  #arrive (how: 'woken' | 'started'): void {
    const { status, backoff } = this.#context
    const life = this.life!
    this.kept.resume()
    backoff.succeeded()
    status.change('awake', how, { pid: life.pid, memory: this.#memory.took, steps: this.steps })
    this.#memory.observe(() => this.life === life)
  }

  /** Resolves with false if it could not be woken and was ended: after a wake that failed an engine may say that it is healthy, and never answers. */
  async #rouse (level: 1 | 2, epoch: AbortSignal): Promise<boolean> {
    const { status } = this.#context
    const life = this.life!
    status.change('waking', 'wanted', { pid: life.pid })
    try {
      await this.#memory.awaitWake([epoch, life.dead])
      this.#memory.taking()
      await this.#steps(epoch).wake(level)
      await this.#warmUp(epoch)
      return true
    } catch (error) {
      if (error instanceof GpuMemoryError) {
        // The engine stays asleep and is not damaged.
        status.change('asleep', error.message, { level, pid: life.pid })
        throw error
      }
      const cause = await this.#bury(error as Error, epoch)
      if (epoch.aborted) throw cause
      status.warn(cause)
      return false
    }
  }

  async #warmUp (epoch: AbortSignal): Promise<void> {
    if (this.#context.model.warmup) await this.#timer.time('warmUp', () => this.#steps(epoch).warmUp())
  }

  /** A start failed. */
  async #giveUp (error: Error, epoch: AbortSignal): Promise<Error> {
    if (error instanceof StopError) return error // Reported, and cleaned up.
    const { status, backoff } = this.#context
    if (error instanceof GpuMemoryError && this.life !== undefined) {
      backoff.failed(error)
      status.warn(error)
      return error
    }
    const cause = await this.#bury(error, epoch, !epoch.aborted)
    if (epoch.aborted) {
      status.change('stopped', cause.message)
    } else {
      backoff.failed(cause)
      status.change('failed', cause.message, { error: cause })
    }
    return cause
  }

  /** A failed sleep may have released half of the memory. All of it is free only when the processes have ended. */
  async #failSleep (error: Error, epoch: AbortSignal): Promise<void> {
    const { status } = this.#context
    const cause = await this.#bury(error, epoch)
    if (epoch.aborted) return status.change('stopped', cause.message)
    status.change('failed', cause.message, { error: cause })
    status.warn(cause)
  }

  /** Ends what an operation that failed has left, if anything, and says why it failed. */
  async #bury (error: Error, epoch: AbortSignal, starting = false): Promise<Error> {
    const { life } = this
    const { clock, status, model } = this.#context
    if (life === undefined) return starting ? explained(error as LlmuxError, [], model.engine) : error
    // A process that dies breaks its connections before its exit is known, and the exit says more.
    if (!epoch.aborted && (error instanceof WakeError || error instanceof SleepError)) await pause(clock, exitPause, life.dead)
    const cause: Error = life.dead.aborted ? life.dead.reason : error
    status.change('stopping', cause.message, { pid: life.pid, error: cause })
    this.kept.lose(cause)
    await this.end(life, starting)
    return await life.complete(cause, starting)
  }

  #steps (epoch: AbortSignal): EngineSteps {
    const life = this.life!
    return new EngineSteps({
      ...this.#context,
      timer: this.#timer,
      signals: [epoch, life.dead],
      lastWords: () => life.lastWords,
      onDead: error => life.die(error),
      warn: error => this.#context.status.warn(error)
    })
  }
}
