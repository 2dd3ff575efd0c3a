import { EventEmitter } from 'node:events'
import { listenToEvery, type Happening, type LlmuxEvents, type ResponseEnd } from '../events.ts'

/** `unknown`: it has not told its state yet. `up`: it takes requests. `draining`: it takes none, because it is being taken out of service. `out`: it has been silent for too long, or refuses connections. `gone`: it is no longer one of the nodes. */
export type NodeCondition = 'unknown' | 'up' | 'draining' | 'out' | 'gone'

export interface NodeChange extends Happening {
  /** The node's origin. */
  node: string
  /** The condition until now. */
  from: NodeCondition
  /** The condition from now on. */
  to: NodeCondition
  /** Why, in words. */
  reason: string
}

export interface Retry extends Happening {
  /** The model that the request is for. */
  model: string
  /** The origin of the node that gave no byte. */
  from: string
  /** The origin of the node that gets the request now. */
  to: string
  /** What happened, in words. */
  reason: string
}

export interface Move extends Happening {
  /** The model that the request is for. */
  model: string
  /** The origin of the node that it waited on. */
  from: string
  /** The origin of the node that can serve it at once. */
  to: string
}

export interface FleetResponseEnd extends ResponseEnd {
  /** The origin of the node that had the request last; undefined if none had it. */
  node: string | undefined
}

export interface FleetEventMap {
  /** A node changed its condition. */
  node: [NodeChange]
  /** A request without a byte of an answer goes to another node. */
  retry: [Retry]
  /** A waiting request goes to another node, which can serve it at once. */
  move: [Move]
  /** A request is over. */
  response: [FleetResponseEnd]
}

export type FleetEventName = keyof FleetEventMap
export type NamedFleetEvent = { [Name in FleetEventName]: { name: Name, event: FleetEventMap[Name][0] } }[FleetEventName]

const names: Record<FleetEventName, true> = { node: true, retry: true, move: true, response: true }
export const fleetEventNames = Object.freeze(Object.keys(names)) as readonly FleetEventName[]

/** What happens at an edge. */
export class FleetEvents extends EventEmitter<FleetEventMap> {
  /** Listens to all of them. Returns how to stop. */
  onEvery (listener: (named: NamedFleetEvent) => void): () => void {
    return listenToEvery(this, fleetEventNames, listener)
  }

  /** For the gateway's records of requests, of which an edge tells the ends: with the node that each went to last. */
  ends (node: () => string | undefined): Pick<LlmuxEvents, 'emit'> {
    return { emit: (name, end) => name === 'response' && this.emit('response', { ...end, node: node() }) }
  }
}
