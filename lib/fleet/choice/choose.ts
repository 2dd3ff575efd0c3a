import { cost, isOpen, leastCost } from './cost.ts'
import type { FleetSnapshot, NodeModelView, NodeView } from './types.ts'

interface Candidate {
  node: NodeView
  model: NodeModelView
  /** What it costs at least: the rest is only worked out for candidates that may win. */
  least: number
}

/**
 * Chooses the node where a request costs the least total waiting: where its model is awake and has room, else where its own
 * wait and what its wake takes from others are smallest together. Among equals the model's home wins, so that models settle.
 * A conversation continues on its node as long as that costs no more than another request or two, and causes no switch.
 */
export function chooseNode ({ model: id, conversation, nodes }: FleetSnapshot): string | undefined {
  const candidates: Candidate[] = []
  for (const node of nodes) {
    const model = node.models.find(model => model.id === id)
    if (model !== undefined && !model.full && model.obstacle === undefined) candidates.push({ node, model, least: leastCost(model) })
  }
  const best = cheapest(candidates, id)
  if (best === undefined || conversation === undefined || !isOpen(best.model)) return best?.node.name
  return continued(candidates, conversation, best.cost + best.model.serviceTime / 4)?.node.name
}

/** Of equals the home of the model. */
function cheapest (candidates: readonly Candidate[], id: string): Candidate & { cost: number } | undefined {
  const affinityTo = affinity(id)
  let best: Candidate & { cost: number } | undefined
  let home = -1
  for (const candidate of candidates) {
    if (best !== undefined && candidate.least > best.cost) continue
    const own = affinityTo(candidate.node.name)
    if (best !== undefined && candidate.least === best.cost && own <= home) continue
    const exact = cost(candidate.node, candidate.model)
    if (best === undefined || exact < best.cost || (exact === best.cost && own > home)) [best, home] = [{ ...candidate, cost: exact }, own]
  }
  return best
}

/** Of the candidates that are awake with a free place and cost at most so much, the home of the conversation. */
function continued (candidates: readonly Candidate[], conversation: string, most: number): Candidate | undefined {
  const affinityTo = affinity(conversation)
  let chosen: Candidate | undefined
  let home = -1
  for (const candidate of candidates) {
    if (candidate.least > most || !isOpen(candidate.model)) continue
    const own = affinityTo(candidate.node.name)
    if (own > home && cost(candidate.node, candidate.model) <= most) [chosen, home] = [candidate, own]
  }
  return chosen
}

/**
 * How strongly a key belongs to a node: the node with the highest number is its home (rendezvous hashing). A node that comes
 * takes only the keys that are its own, one that goes leaves all others where they are. FNV-1a with a finish that mixes.
 */
export function affinity (key: string): (node: string) => number {
  const start = hashed(hashed(0x811c9dc5, key), '\0')
  return node => {
    let hash = hashed(start, node)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }
}

function hashed (hash: number, text: string): number {
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
