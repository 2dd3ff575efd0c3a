import type { NodeModelState } from '../../host/node-state.ts'

/** One model of a node, as it was heard of last. */
export interface NodeModelView extends NodeModelState {
  /** Requests that this edge has sent there and that the node has not reported yet. */
  sent: number
}

/** One node that is there, and takes requests. */
export interface NodeView {
  /** The origin that it is reached at, or the name that you have given it. */
  name: string
  models: readonly NodeModelView[]
}

/** All that a choice may go by. Durations are milliseconds. */
export interface FleetSnapshot {
  /** The key in `models` that the request is for. */
  model: string
  /** Alike for all requests of one conversation; undefined if nothing tells. */
  conversation: string | undefined
  nodes: readonly NodeView[]
}

/** Chooses the node for a request, by name; undefined: none can take it. Pure: the answer depends on the snapshot alone. */
export type ChooseNode = (snapshot: FleetSnapshot) => string | undefined
