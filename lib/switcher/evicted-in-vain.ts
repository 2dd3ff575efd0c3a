import type { Board } from './board.ts'
import { fits } from './placement.ts'
import type { Slot } from './slot.ts'
import type { Plan } from './plan.ts'

/** Those who were put to sleep for a model that then could not be brought up. They are given their place again. */
export class EvictedInVain {
  readonly #slots = new Set<Slot>()

  add (slot: Slot): void {
    this.#slots.add(slot)
  }

  delete (slot: Slot): void {
    this.#slots.delete(slot)
  }

  /** Brings them back, unless somebody waits for another model. `begin` is called in the midst of it. */
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
