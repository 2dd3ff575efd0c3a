import type { LiveRequest, LiveRequests } from '../gateway/live-requests.ts'
import type { HeldRequest, RequestList, WaitingRequest } from '../switcher/open-requests.ts'

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
