import type { Board } from './board.ts'
import type { Chooser } from './chooser.ts'
import type { Controls } from './controls.ts'
import type { Orders } from './orders.ts'
import type { Slot } from './slot.ts'
import type { Transition } from './transition.ts'

export interface ReviewContext {
  board: Board
  chooser: Chooser
  controls: Controls
  orders: Orders
  /** Time to decide. */
  onChange: () => void
}

/** Reviews a transition that can still be undone: its reason may have changed while it drained. */
export class Review {
  readonly #context: ReviewContext

  constructor (context: ReviewContext) {
    this.#context = context
  }

  /** Undoes it, changes its target, lets it drain on or commits it. */
  advance (transition: Transition): void {
    if (!transition.open) return
    const { board, controls } = this.#context
    const { wake } = transition.plan
    const obstacle = wake && board.obstacle(wake)
    if (obstacle !== undefined) return transition.fail(obstacle)
    const objection = controls.objection(transition)
    if (objection !== undefined) return transition.undo(objection)
    this.#reconsider(transition)
    if (transition.drained) transition.commit()
  }

  /**
   * Orders by hand and transitions with their own reason are not reviewed; for others the policy is asked once something
   * supports it.
   */
  #reconsider (transition: Transition): void {
    const { unconditional, wanted } = transition.plan
    if (unconditional || wanted !== undefined) return
    // The request may have left; orders by hand come first.
    const orders = this.#context.orders.besides(transition)
    if ((transition.drained && !transition.fresh) || !transition.wanted || orders.some(slot => transition.touches(slot))) this.#askAgain(transition, orders)
  }

  #askAgain (transition: Transition, orders: Slot[]): void {
    const { board, chooser, onChange } = this.#context
    const plan = chooser.plan(board.views(orders, transition))
    if (plan === undefined) return transition.undo(transition.wanted ? 'something else takes precedence' : 'no request waits for it any more')
    if (transition.follows(plan)) return
    transition.retarget(plan)
    // A model that may stay admits its waiters again.
    onChange()
  }
}
