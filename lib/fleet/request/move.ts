import type { Clock } from '../../clock.ts'
import { isOpen, load } from '../choice/cost.ts'
import type { ChooseNode, NodeModelView } from '../choice/types.ts'
import type { Node } from '../nodes/node.ts'
import type { NodeLease } from '../nodes/node-lease.ts'

export interface MoveContext {
  clock: Clock
  choose: ChooseNode
  /** A node could not be asked. */
  failed: (error: Error) => void
}

/** A request that stayed where it was is not asked for again within this time. Milliseconds. */
const pause = 1_000

/** A node takes no longer list. */
const mostNames = 1_000

/**
 * Takes requests that wait on other nodes to a node that can serve them at once, as many as it has free places. Only the node
 * where a request waits knows that it still does: it gives back the waiting ones, and the others stay.
 */
export function moveTo (to: Node, nodes: readonly Node[], context: MoveContext): void {
  const others = nodes.filter(node => node !== to && node.leases.size > 0)
  if (others.length === 0) return
  for (const model of to.models) if (isOpen(model)) fill(to, model, others, context)
}

function fill (to: Node, model: NodeModelView, others: readonly Node[], { clock, choose, failed }: MoveContext): void {
  const now = clock.now()
  let free = model.maxConcurrency - load(model)
  for (const node of others) {
    const waiting = node.models.find(({ id }) => id === model.id)?.waiting ?? 0
    if (waiting === 0) continue
    const leases = [...node.leases].filter(lease => lease.model === model.id && lease.silent && lease.askedAt + pause <= now).slice(0, mostNames)
    if (leases.length === 0) continue
    if (choose({ model: model.id, conversation: undefined, nodes: [to] }) !== to.name) return
    for (const lease of leases) Object.assign(lease, { askedAt: now, moving: to })
    takeBack(node, leases, free).catch(failed)
    free -= Math.min(waiting, leases.length)
    if (free <= 0) return
  }
}

/** The requests that the node gives back get an error as their answer, and then go to the other node. */
async function takeBack ({ name, calls }: Node, leases: readonly NodeLease[], most: number): Promise<void> {
  const { status } = await calls.call({ method: 'POST', path: '/withdraw', body: { requests: leases.map(({ name }) => name), most } })
  if (status !== 200) throw new Error(`node ${name} answered ${status} when it was asked for waiting requests`)
}
