import type { Board } from './board.ts'
import { fits } from './placement.ts'
import type { Slot } from './slot.ts'
import type { Plan } from './plan.ts'

/** Models that went to sleep for one that then failed to start. They get their place back. */
export class EvictedInVain {
  readonly #slots = new Set<Slot>()

  add (slot: Slot): void {
    this.#slots.add(slot)
  }

  delete (slot: Slot): void {
    this.#slots.delete(slot)
  }

  /** Wakes them again, unless requests wait for another model. `begin` is called while the list is being emptied. */
  bringBack (board: Board, reserved: () => readonly Slot[], begin: (plan: Plan) => void): void {
    for (const slot of this.#slots) {
      const views = board.views(reserved())
      const view = views.find(view => view.id === slot.id)!
      const over = slot.awake || board.obstacle(slot) !== undefined || !fits(view, views.filter(other => other.awakeSince !== undefined))
      if (!over && view.held) continue
      this.delete(slot)
      if (!over) begin({ wake: slot, evict: [], reason: 'the model it made way for could not be brought up', unconditional: true })
    }
  }
}
