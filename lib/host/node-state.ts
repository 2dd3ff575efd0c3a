import type { Switcher } from '../switcher/switcher.ts'

/** One model of a node, as an edge sees it. Durations are milliseconds. */
export interface NodeModelState {
  /** The key in `models`. */
  id: string
  /** Whether it is awake and admits requests. */
  awake: boolean
  /** Whether it starts or wakes. */
  waking: boolean
  /** Requests in flight. */
  inFlight: number
  /** Waiting requests, frozen ones included. */
  waiting: number
  /** Requests it can work on at once. */
  maxConcurrency: number
  /** The wait of a request that arrived now: the node's own estimate. */
  wait: number
  /** The expected cost of making it awake, including what other models lose. */
  cost: number
  /** Average time of a request in its engine. */
  serviceTime: number
  /** Requests per millisecond, over the last minute. */
  arrivalRate: number
  /** The GPUs it needs while awake. */
  gpus: readonly number[]
  /** Whether its queue is full: it would refuse a new request. */
  full: boolean
  /** Why it serves no request, in words; missing if no reason is known. */
  obstacle?: string
}

/** All that an edge uses to choose a node. */
export interface NodeState {
  /** Whether the node refuses new requests, because it is being taken out of service. */
  draining: boolean
  models: NodeModelState[]
}

/** The switcher's view for an edge, in the simulator as in production. */
export function nodeState (switcher: Switcher): NodeState {
  const { models, transitions, disabled, draining } = switcher.status()
  const waking = new Set(transitions.filter(({ phase }) => phase !== 'idle').map(({ wake }) => wake))
  return {
    draining: draining || switcher.closed,
    models: models.map(({ id, awakeSince, draining: leaves, inFlight, waiting, maxConcurrency, serviceTime, arrivalRate, gpus }) => {
      const obstacle = disabled.includes(id) ? 'it is disabled' : switcher.obstacle(id)?.message
      return {
        id,
        awake: awakeSince !== undefined && !leaves,
        waking: waking.has(id),
        inFlight,
        waiting,
        maxConcurrency,
        wait: switcher.outlook(id)?.wait ?? 0,
        cost: switcher.arrivalCost(id),
        serviceTime,
        arrivalRate,
        gpus,
        full: switcher.full(id),
        ...(obstacle !== undefined && { obstacle })
      }
    })
  }
}
