import type { SleepLevel } from '../options/types.ts'
import type { Slot } from './slot.ts'

/** The content of a transition. */
export interface Plan {
  wake: Slot | undefined
  evict: Slot[]
  /** Why, in words. */
  reason: string
  /** The id of the request (`request.id`) that it is for, if any. */
  request?: string | undefined
  /** Carried out while switching is paused and on pinned models too: an order by hand, or a model that went to sleep in vain. */
  unconditional: boolean
  /** Whether it still has a reason. Default: always if unconditional, otherwise as long as a request waits for the model to wake. */
  wanted?: () => boolean
  /** The sleep level of the models that make room, if not their own. */
  level?: SleepLevel | undefined
  /** When to freeze the requests of the models that make room, if before the drain's limit. Milliseconds since the epoch. */
  freezeAt?: number | undefined
}
