import type { Readiness } from '../host/readiness.ts'
import type { FleetEvents, NodeCondition } from './events.ts'
import type { NodeModelView } from './choice/types.ts'
import type { Nodes } from './nodes/nodes.ts'

export interface NodeStatus {
  name: string
  condition: NodeCondition
  /** Since when, in milliseconds since the epoch, and why. */
  since: number
  reason: string
  /** Requests of this edge that it has. */
  inFlight: number
  models: readonly NodeModelView[]
}

/** `fastify.llmuxFleet`: the nodes as this edge sees them. */
export class Fleet {
  readonly events: FleetEvents
  /** @internal */
  readonly nodes: Nodes

  constructor (nodes: Nodes, events: FleetEvents) {
    this.nodes = nodes
    this.events = events
  }

  status (): { nodes: NodeStatus[] } {
    return {
      nodes: this.nodes.all.map(({ name, condition, since, reason, leases, models }) => ({ name, condition, since, reason, inFlight: leases.size, models }))
    }
  }

  /** Ready as long as one node is up. */
  readiness (): Readiness {
    const { all, up } = this.nodes
    const obstacles = all.filter(node => !node.up).map(({ name, condition, reason }) => `node ${name} is ${condition}: ${reason}`)
    if (up.length === 0) return { ready: false, reason: obstacles.join('; ') || 'there is no node' }
    return { ready: true, ...(obstacles.length > 0 && { obstacles }) }
  }
}
