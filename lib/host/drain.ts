import type { LlmuxEvents } from '../events.ts'
import type { Switcher } from '../switcher/switcher.ts'

/** Resolves when no request waits or is in flight, or as soon as `stopped` says so. */
export async function idle (switcher: Switcher, events: LlmuxEvents, stopped: () => boolean): Promise<void> {
  const done = () => stopped() || switcher.status().models.every(({ inFlight, waiting, passive }) => inFlight + waiting + passive === 0)
  while (!done()) {
    await new Promise<void>(resolve => {
      const look = () => {
        events.off('request', look).off('control', look)
        resolve()
      }
      events.on('request', look).on('control', look)
    })
  }
}
