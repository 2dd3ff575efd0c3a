import { cost, isOpen } from './cost.ts'
import type { FleetSnapshot, NodeModelView, NodeView } from './types.ts'

interface Candidate {
  node: NodeView
  model: NodeModelView
  cost: number
  open: boolean
}

/**
 * Chooses the node where a request costs the least total waiting: where its model is awake and has room, else where its own
 * wait and what its wake takes from others are smallest together. Among equals the model's home wins, so that models settle.
 * A conversation continues on its node as long as that costs no more than another request or two, and causes no switch.
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

/**
 * How strongly a key belongs to a node: the node with the highest number is its home (rendezvous hashing). A node that comes
 * takes only the keys that are its own, one that goes leaves all others where they are. FNV-1a with a finish that mixes.
 */
export function affinity (key: string, node: string): number {
  let hash = 0x811c9dc5
  for (const text of [key, '\0', node]) {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
