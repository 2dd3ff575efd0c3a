import type { Board } from './board.ts'
import type { Order } from './orders.ts'
import { mustGo } from './placement.ts'
import type { Plan } from './plan.ts'

/** What to do about an order in the present state: it is done, fails, needs a transition, or has to wait. */
export function verdictOn ({ kind, slot, level, request }: Order, { board, now }: { board: Board, now: number }): Plan | Error | 'done' | 'later' {
  if (kind === 'wake' && slot.awake && !slot.draining) return 'done'
  if (board.busy(slot)) return 'later'
  const plan = { reason: 'it was asked for', request, unconditional: true, level }
  // Drained: frozen requests would want it back at once.
  if (kind === 'sleep' && slot.frozen === 0) return { ...plan, wake: undefined, evict: [slot] }
  if (kind === 'sleep' && (level ?? slot.model.sleepLevel) !== 3) return 'done'
  const obstacle = board.obstacle(slot)
  if (obstacle !== undefined) return obstacle
  const views = board.views()
  const evict = mustGo(views.find(view => view.id === slot.id)!, views)?.map(id => board.slot(id))
  if (evict === undefined) return 'later'
  const wake = { ...plan, level: undefined, wake: slot, evict, freezeAt: now }
  // An engine that is to stop is woken first if it has requests to answer.
  return kind === 'wake' ? wake : { ...wake, wanted: () => slot.frozen > 0 }
}
