import type { SleepLevel } from '../options/types.ts'
import type { Slot } from './slot.ts'

/** What a transition is to do. */
export interface Plan {
  wake: Slot | undefined
  evict: Slot[]
  /** Why, in words. */
  reason: string
  /** The id of the host's request that it is for, as far as it is for one. */
  request?: string | undefined
  /** It is carried out even if nobody waits: asked for by hand, or to bring back what was put to sleep in vain. */
  unconditional: boolean
  /** Whether there is still a reason for it. By default: as long as somebody waits for whom it is to wake. */
  wanted?: () => boolean
  /** The level for those who go, if not their own. */
  level?: SleepLevel | undefined
  /** When requests of those who go are frozen, if that is not to wait for the drain's limit. Milliseconds since the epoch. */
  freezeAt?: number | undefined
}
