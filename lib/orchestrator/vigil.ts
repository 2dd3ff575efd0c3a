import type { Clock } from '../clock.ts'
import { pause } from './time-limit.ts'

export interface VigilContext {
  clock: Clock
  /** Resolves with undefined if there was no answer in time, which says nothing. Does not reject. */
  isHealthy: (signal: AbortSignal) => Promise<boolean | undefined>
  onDead: () => void
}

/** Nothing is asked during a call as short as most are. Milliseconds. */
const vigilPause = 500

/** A single no may be a connection that broke. */
const leastMisses = 2

/**
 * Watches an engine during a control call. If its core dies meanwhile, its API process never answers the call and ignores
 * everything else (seen on vLLM 0.32.0): only `/health` shows it.
 */
export async function keepVigil<T> (context: VigilContext, call: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  watch(context, over.signal)
  try {
    return await call()
  } finally {
    over.abort()
  }
}

async function watch ({ clock, isHealthy, onDead }: VigilContext, over: AbortSignal): Promise<void> {
  for (let misses = 0; misses < leastMisses;) {
    await pause(clock, vigilPause, over)
    if (over.aborted) return
    const healthy = await isHealthy(over)
    if (over.aborted) return
    misses = healthy === false ? misses + 1 : 0
  }
  onDead()
}
