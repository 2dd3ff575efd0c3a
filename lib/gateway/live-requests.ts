/** One open request to a llmux route, as HTTP sees it. */
export interface LiveRequest {
  /** The id that Fastify gave it (`request.id`). */
  request: string
  /** Without any prefix, as in `knownRoutes`. */
  route: string
  /** When it arrived, in milliseconds since the epoch. */
  arrived: number
  /** When the last byte of the engine's answer came, in milliseconds since the epoch; undefined before the first. */
  heard: number | undefined
  /** Its place among them, which changes. */
  place: number
}

/**
 * All open requests, in no order. Not a Set: with many additions and removals it leaves old tables behind, and what they
 * refer to, requests that are over with their bodies, stays in memory until the next full garbage collection.
 */
export class LiveRequests implements Iterable<LiveRequest> {
  readonly #all: LiveRequest[] = []

  add (request: LiveRequest): void {
    request.place = this.#all.push(request) - 1
  }

  delete ({ place }: LiveRequest): void {
    const last = this.#all.pop()
    if (last === undefined || last.place === place) return
    last.place = place
    this.#all[place] = last
  }

  [Symbol.iterator] (): Iterator<LiveRequest> {
    return this.#all.values()
  }
}
