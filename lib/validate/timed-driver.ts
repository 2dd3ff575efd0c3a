import type { Clock } from '../clock.ts'
import type { Driver } from '../orchestrator/driver.ts'

/** The calls that are phases of a sleep or a wake, and what they are called. */
const phaseOf: Partial<Record<keyof Driver, (tag?: unknown) => string>> = {
  sleep: () => 'sleepCall',
  wake: tag => tag === undefined ? 'wakeCall' : `wake_${String(tag)}`,
  reload: () => 'reload',
  resetPrefixCache: () => 'resetPrefixCache'
}

/** A driver that tells how long the engine's own calls take. */
export function timedDriver (driver: Driver, clock: Clock, onTime: (phase: string, duration: number) => void): Driver {
  return new Proxy(driver, {
    get (target, name: keyof Driver) {
      const method = (target[name] as (...args: unknown[]) => unknown).bind(target)
      const phase = phaseOf[name]
      if (phase === undefined) return method
      return async (...args: unknown[]) => {
        const since = clock.now()
        await method(...args)
        onTime(phase(args[1]), clock.now() - since)
      }
    }
  })
}
