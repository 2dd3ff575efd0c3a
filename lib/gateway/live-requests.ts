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
}

/** All open requests. */
export type LiveRequests = Set<LiveRequest>
