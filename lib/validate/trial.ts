import type { Clock } from '../clock.ts'
import type { LlmuxError } from '../errors.ts'
import type { SleepLevel } from '../options/types.ts'
import type { GpuUse } from './gpu-use.ts'
import { tryFreeze } from './freeze-trial.ts'
import { groupMemory } from '../orchestrator/memory/host-memory.ts'
import { targetUse } from './judge.ts'
import type { Subject } from './subject.ts'
import type { Trial } from './types.ts'

export interface TrialContext {
  subject: Subject
  gpu: GpuUse
  clock: Clock
  level: SleepLevel
  cycles: number
  /** From 0 to 1. */
  share: number
  signal: AbortSignal
}

/** Starts a model, asks it, lets it sleep and wake so many times, asks it each time, freezes an answer, and ends it. Judges nothing. */
export async function runTrial (context: TrialContext): Promise<Trial> {
  return await new TrialRun(context).run()
}

class TrialRun {
  readonly #context: TrialContext
  readonly #trial: Trial
  #phase = 'start'
  #cycle = 0
  /** Where durations are written down. */
  #phases: Record<string, number>

  constructor (context: TrialContext) {
    this.#context = context
    this.#trial = { level: context.level, phases: {}, cycles: [], warnings: [] }
    this.#phases = this.#trial.phases
  }

  async run (): Promise<Trial> {
    const { subject, cycles, gpu, signal } = this.#context
    subject.onTime = (phase, duration) => { this.#phases[phase] = (this.#phases[phase] ?? 0) + duration }
    const before = await gpu.look()
    try {
      await this.#begin(before)
      for (this.#cycle = 1; this.#cycle <= cycles; this.#cycle++) await this.#sleepAndWake()
      this.#trial.freeze = await tryFreeze(subject, this.#context.level)
      signal.throwIfAborted()
    } catch (error) {
      signal.throwIfAborted()
      this.#fail(error as Error)
    }
    await this.#end(before)
    return this.#trial
  }

  async #begin (before: number | undefined): Promise<void> {
    const { subject, gpu } = this.#context
    await this.#time('start', () => subject.start())
    this.#trial.answer = await this.#time('answer', () => subject.ask())
    const awake = await gpu.look()
    if (before !== undefined && awake !== undefined) this.#trial.gpu = { before, awake, asleep: [], woken: [] }
    const host = await groupMemory(subject.pid!, true)
    if (host !== undefined) this.#trial.host = { awake: host, asleep: [] }
  }

  async #sleepAndWake (): Promise<void> {
    const { subject, level } = this.#context
    const cycle = { phases: {}, answer: '' }
    this.#phases = cycle.phases
    await this.#time('sleep', () => subject.sleep(level))
    await this.#time('memory', () => this.#lookAsleep())
    await this.#time('wake', () => subject.wake())
    cycle.answer = await this.#time('answer', () => subject.ask())
    const woken = await this.#context.gpu.look()
    if (woken !== undefined) this.#trial.gpu?.woken.push(woken)
    this.#trial.cycles.push(cycle)
  }

  async #lookAsleep (): Promise<void> {
    const { subject, gpu, level, share } = this.#context
    const { gpu: figures, host } = this.#trial
    const asleep = figures && await gpu.fallTo(targetUse(figures, level, share))
    if (asleep !== undefined) figures?.asleep.push(asleep)
    const held = subject.pid === undefined ? undefined : await groupMemory(subject.pid, true)
    if (held !== undefined) host?.asleep.push(held)
  }

  /** Removes everything, even after a failure. */
  async #end (before: number | undefined): Promise<void> {
    const { subject, gpu } = this.#context
    try {
      this.#phases = this.#trial.phases
      await this.#time('stop', () => subject.stop())
      const after = before === undefined ? undefined : await gpu.fallTo(before)
      if (after !== undefined && this.#trial.gpu !== undefined) this.#trial.gpu.after = after
    } catch (error) {
      this.#fail(error as Error)
    }
    if (gpu.unknown !== undefined) this.#trial.gpuUnknown = gpu.unknown
    this.#trial.warnings = subject.takeWarnings().map(({ message }) => message)
  }

  /** The first failure counts: the others come of it. */
  #fail (error: Error): void {
    const { message, causeLine, lastLines }: LlmuxError = error as LlmuxError
    const text = causeLine === undefined ? message : `${message} (${causeLine})`
    this.#trial.failure ??= { phase: this.#phase, cycle: this.#cycle, message: text, ...(lastLines && { lastLines: [...lastLines] }) }
  }

  async #time<T> (phase: string, action: () => Promise<T>): Promise<T> {
    const { clock } = this.#context
    this.#phase = phase
    const since = clock.now()
    const result = await action()
    this.#phases[phase] = clock.now() - since
    return result
  }
}
