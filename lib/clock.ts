/** What a timer is depends on the clock that made it: only that clock looks inside. */
export type Timer = unknown

/**
 * Time as the switcher, the policies and the engines see it. It is passed in, so that the same objects run
 * in production, in tests with a fake clock and in a simulator.
 */
export interface Clock {
  /** Milliseconds since the epoch, never going back. */
  now (): number
  setTimeout (callback: () => void, milliseconds: number): Timer
  clearTimeout (timer: Timer): void
}

/** The longest delay a Node timer takes; a longer one would fire at once. */
const longestDelay = 2 ** 31 - 1

// Read once: it never changes, and the getter costs more than reading the time.
const { timeOrigin } = performance

export const systemClock: Clock = {
  // Date.now() jumps when the machine's clock is set, and a wait must not.
  now: () => timeOrigin + performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, longestDelay)),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout)
}
