import type { Switcher } from '../switcher/switcher.ts'

/** One model of a node, as the edges in front of it see it. Durations are milliseconds. */
export interface NodeModelState {
  /** The key in `models`. */
  id: string
  /** It is awake and lets requests in. */
  awake: boolean
  /** It is on its way up. */
  waking: boolean
  /** Requests it works on. */
  inFlight: number
  /** Requests that wait for it, those that are frozen included. */
  waiting: number
  /** Requests it can work on at once. */
  maxConcurrency: number
  /** How long one would wait who came now: the node's own estimate. */
  wait: number
  /** What it is expected to cost to make it awake, whoever goes for it. */
  cost: number
  /** How long a request stays in its engine on average. */
  serviceTime: number
  /** Requests per millisecond, over the last minute. */
  arrivalRate: number
  /** The GPUs it needs while awake. */
  gpus: readonly number[]
  /** Its queue is full: one who came now would be refused. */
  full: boolean
  /** Why nobody is served, in words; left out if nothing is known to be in the way. */
  obstacle?: string
}

/** All that an edge goes by when it chooses a node. */
export interface NodeState {
  /** No new requests are taken: the node is to go. */
  draining: boolean
  models: NodeModelState[]
}

/** What the switcher knows, for those who choose between nodes; in the simulator as in production. */
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
