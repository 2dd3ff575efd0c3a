import { cost, isOpen } from './cost.ts'
import { affinity } from './rendezvous.ts'
import type { FleetSnapshot, NodeModelView, NodeView } from './types.ts'

interface Candidate {
  node: NodeView
  model: NodeModelView
  cost: number
  open: boolean
}

/**
 * Where a request costs everybody the least waiting: where its model is awake and has room, else where its wait and what its
 * wake takes from others are least together. Of equals the model's home is taken, so that models settle; a conversation goes on where it
 * was, while that is no dearer than another request or two would make it, and costs nobody a switch.
 */
export function chooseNode ({ model: id, conversation, nodes }: FleetSnapshot): string | undefined {
  let best: Candidate | undefined
  let home = -1
  const open: Candidate[] = []
  for (const node of nodes) {
    const model = node.models.find(model => model.id === id)
    if (model === undefined || model.full || model.obstacle !== undefined) continue
    const candidate = { node, model, cost: cost(node, model), open: isOpen(model) }
    if (candidate.open) open.push(candidate)
    if (best !== undefined && candidate.cost > best.cost) continue
    const own = affinity(id, node.name)
    if (best === undefined || candidate.cost < best.cost || own > home) [best, home] = [candidate, own]
  }
  if (conversation === undefined || best?.open !== true) return best?.node.name
  const slack = best.cost + best.model.serviceTime / 4
  return highest(open.filter(({ cost }) => cost <= slack), ({ node }) => affinity(conversation, node.name)).node.name
}

function highest<T> (list: readonly T[], of: (one: T) => number): T {
  return list.reduce((best, one) => of(one) > of(best) ? one : best)
}
