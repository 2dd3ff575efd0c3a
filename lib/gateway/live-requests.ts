/** One request to one of our routes that is not over, as HTTP sees it. */
export interface LiveRequest {
  /** The host's id of it. */
  request: string
  /** Without any prefix, as in `knownRoutes`. */
  route: string
  /** When it arrived, in milliseconds since the epoch. */
  arrived: number
  /** When the last byte of the engine's answer came, in milliseconds since the epoch; undefined if none has. */
  heard: number | undefined
}

/** All that are not over. */
export type LiveRequests = Set<LiveRequest>
