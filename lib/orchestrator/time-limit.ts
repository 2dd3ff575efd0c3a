import type { Clock } from '../clock.ts'

export interface TimeLimit {
  clock: Clock
  /** Milliseconds. */
  limit: number
  /** What to fail with when they are over. */
  timeout: () => Error
  /** What else ends the call, with the signal's reason. */
  signals: AbortSignal[]
}

function rejection (signal: AbortSignal): Promise<never> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

/** Runs a call until it ends, its time is over, or a signal says that it is in vain; the last two end it at once, even if it is deaf. */
export async function withTimeLimit<T> ({ clock, limit, timeout, signals }: TimeLimit, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  for (const signal of signals) signal.throwIfAborted()
  const controller = new AbortController()
  const timer = clock.setTimeout(() => controller.abort(timeout()), limit)
  const listeners = signals.map(signal => {
    const listener = () => controller.abort(signal.reason)
    signal.addEventListener('abort', listener)
    return () => signal.removeEventListener('abort', listener)
  })
  try {
    // The first of the two, so that our reason wins over what the call makes of it.
    return await Promise.race([rejection(controller.signal), call(controller.signal)])
  } finally {
    clock.clearTimeout(timer)
    listeners.forEach(remove => remove())
  }
}

/** Resolves after a while, or as soon as the signal aborts. */
export async function pause (clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => {
    const done = () => {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
  })
}
