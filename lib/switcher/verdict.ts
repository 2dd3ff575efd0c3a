import type { Board } from './board.ts'
import type { Order } from './orders.ts'
import { mustGo } from './placement.ts'
import type { Plan } from './transition.ts'

/** What an order comes to as things stand: it is done, fails, asks for a transition, or has to wait. */
export function verdictOn ({ kind, slot, level, request }: Order, board: Board): Plan | Error | 'done' | 'later' {
  if (kind === 'wake' && slot.awake && !slot.draining) return 'done'
  if (board.busy(slot)) return 'later'
  const plan = { reason: 'it was asked for', request, unconditional: true, level }
  if (kind === 'sleep') return { ...plan, wake: undefined, evict: [slot] }
  const obstacle = board.obstacle(slot)
  if (obstacle !== undefined) return obstacle
  const views = board.views()
  const evict = mustGo(views.find(view => view.id === slot.id)!, views)?.map(id => board.slot(id))
  return evict === undefined ? 'later' : { ...plan, wake: slot, evict }
}
