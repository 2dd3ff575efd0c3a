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

/** Looks again at a transition that can still be undone: what it is for may have changed while it drained. */
export class Review {
  readonly #context: ReviewContext

  constructor (context: ReviewContext) {
    this.#context = context
  }

  /** Undoes it, points it at another model, lets it drain on or carries it out. */
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

  /** Whoever asked for it by hand, or has reasons of his own, is not asked again; the policy is, once something speaks for it. */
  #reconsider (transition: Transition): void {
    const { unconditional, wanted } = transition.plan
    if (unconditional || wanted !== undefined) return
    // Whoever it is for has left, or may have: the host's orders go first.
    const orders = this.#context.orders.besides(transition)
    if (transition.drained || !transition.wanted || orders.some(slot => transition.touches(slot))) this.#askAgain(transition, orders)
  }

  #askAgain (transition: Transition, orders: Slot[]): void {
    const { board, chooser, onChange } = this.#context
    const plan = chooser.plan(board.views(orders, transition))
    if (plan === undefined) return transition.undo(transition.wanted ? 'something else goes first' : 'nobody waits for it any more')
    if (transition.follows(plan)) return
    transition.retarget(plan)
    // Whoever may stay after all is to let its waiters in.
    onChange()
  }
}
