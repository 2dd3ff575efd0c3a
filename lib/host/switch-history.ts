import type { LlmuxEvents, TransitionChange } from '../events.ts'

/** A finished switch, for operators. */
export interface PastSwitch extends Pick<TransitionChange, 'time' | 'wake' | 'evict' | 'reason' | 'request' | 'outcome' | 'phases' | 'steps'> {
  /** Milliseconds of all phases. */
  duration: number
  /** Milliseconds from the admission of the first request to the engine's first byte; undefined before it. */
  firstByte: number | undefined
  /** The message of the error with which it failed; undefined if it succeeded or was given up. */
  error: string | undefined
}

const kept = 20

/** Remembers the last switches, from events. */
export class SwitchHistory {
  readonly #switches: PastSwitch[] = []

  constructor (events: LlmuxEvents) {
    events.on('transition', change => { if (change.to === 'idle') this.#add(change) })
    events.on('first', ({ model, duration }) => {
      const last = this.#switches.find(({ wake, outcome }) => wake === model && outcome === 'done')
      if (last !== undefined) last.firstByte ??= duration
    })
  }

  /** Latest first. */
  get switches (): PastSwitch[] {
    return this.#switches.map(past => ({ ...past }))
  }

  #add ({ time, wake, evict, reason, request, outcome, phases, steps, error }: TransitionChange): void {
    const duration = Object.values(phases).reduce((sum, phase) => sum + phase, 0)
    this.#switches.unshift({
      time,
      evict,
      reason,
      phases,
      duration,
      firstByte: undefined,
      error: error?.message,
      ...(wake !== undefined && { wake }),
      ...(request !== undefined && { request }),
      ...(outcome !== undefined && { outcome }),
      ...(steps !== undefined && { steps })
    })
    this.#switches.length = Math.min(this.#switches.length, kept)
  }
}
