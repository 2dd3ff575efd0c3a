import { EventEmitter } from 'node:events'
import { listenToEvery, type Happening, type LlmuxEvents, type ResponseEnd } from '../events.ts'

/** `unknown`: not heard of yet. `up`: takes requests. `draining`: takes none, and is to go. `out`: not heard of for too long, or refuses connections. */
export type NodeCondition = 'unknown' | 'up' | 'draining' | 'out' | 'gone'

export interface NodeChange extends Happening {
  node: string
  from: NodeCondition
  to: NodeCondition
  /** Why, in words. */
  reason: string
}

/** A request without a byte goes to another node. */
export interface Retry extends Happening {
  model: string
  from: string
  to: string
  reason: string
}

export interface FleetResponseEnd extends ResponseEnd {
  /** The node that it went to last; undefined if it went to none. */
  node: string | undefined
}

export interface FleetEventMap {
  node: [NodeChange]
  retry: [Retry]
  response: [FleetResponseEnd]
}

export type FleetEventName = keyof FleetEventMap
export type NamedFleetEvent = { [Name in FleetEventName]: { name: Name, event: FleetEventMap[Name][0] } }[FleetEventName]

const names: Record<FleetEventName, true> = { node: true, retry: true, response: true }
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
