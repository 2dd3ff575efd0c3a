import type { Directory } from '../directory.ts'
import type { LiveRequest, LiveRequests } from '../gateway/live-requests.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { HeldRequest, RequestList, WaitingRequest } from '../switcher/open-requests.ts'
import type { Switcher } from '../switcher/switcher.ts'
import type { ModelStatus } from './status.ts'

type Model = ReturnType<Switcher['status']>['models'][number]

/** What the lower floors know of one model; also of a leaving one, which has no name any more. */
export function describeModel (
  { id, gpus, inFlight, waiting, frozen, frozenSince, passive, oldest, serviceTime, drainTime, thawTime, firstSleep, arrivalRate, averageWaiting }: Model,
  directory: Directory,
  orchestrator: Orchestrator
): ModelStatus {
  const { aliases = [], adapters = [] } = directory.find(id) ?? {}
  const leaving = directory.find(id) === undefined
  const learned = { serviceTime, drainTime, thawTime, firstSleep, arrivalRate, averageWaiting }
  const { gpuShare, sleepLevel, freeze } = orchestrator.model(id)
  /** The part of the option that its engine supports. */
  const freezes = sleepLevel !== 3 && orchestrator.keepsRequests(id) && freeze
  return { name: id, aliases, adapters, gpus, gpuShare, leaving, ...orchestrator.snapshot(id), sleepLevel, hostMemory: orchestrator.hostMemory(id), freeze: freezes, inFlight, waiting: waiting - frozen, frozen, frozenSince, passive, oldest, learned }
}

/** What only the HTTP edge knows; missing for leases of your own code without a request. */
export interface HttpDetails {
  /** Without any prefix, as in `knownRoutes`. */
  route?: string
  /** When the request arrived, in milliseconds since the epoch. */
  arrived?: number
}

/** Waiting requests and requests in flight, with what the HTTP edge knows of them. */
export interface DescribedRequests {
  waiting: Array<WaitingRequest & HttpDetails>
  /** `heard`: when the last byte of its answer came, in milliseconds since the epoch; undefined before the first. */
  inFlight: Array<HeldRequest & HttpDetails & { heard: number | undefined }>
  next: RequestList['next']
}

export function describeRequests ({ waiting, inFlight, next }: RequestList, live: LiveRequests): DescribedRequests {
  const byId = new Map<string | undefined, LiveRequest>([...live].map(one => [one.request, one]))
  const http = (request: string | undefined): HttpDetails => {
    const one = byId.get(request)
    return one === undefined ? {} : { route: one.route, arrived: one.arrived }
  }
  return {
    waiting: waiting.map(one => ({ ...one, ...http(one.request) })),
    inFlight: inFlight.map(one => ({ ...one, ...http(one.request), heard: byId.get(one.request)?.heard })),
    next
  }
}
