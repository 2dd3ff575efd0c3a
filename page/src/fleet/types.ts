import type { FleetResponseEnd, NodeChange, NodeModelView, NodeStatus, Retry } from '../../../lib/fleet/index.ts'

export type { NodeModelView, NodeStatus }

/** One line of what happened at the edge. */
export type Incident = { kind: 'node', event: NodeChange } | { kind: 'retry', event: Retry } | { kind: 'response', event: FleetResponseEnd }
