/** One request of a simulation. */
export interface Arrival {
  /** When it comes, in milliseconds since the beginning. */
  time: number
  model: string
  /** How long its engine works on it, in milliseconds. */
  service: number
}

/** Several streams of requests as one, in the order of their times. */
export function merge (...streams: readonly (readonly Arrival[])[]): Arrival[] {
  return streams.flat().sort((a, b) => a.time - b.time)
}

/** The same requests with that many times the time between them. */
export function stretch (arrivals: readonly Arrival[], factor: number): Arrival[] {
  return arrivals.map(arrival => ({ ...arrival, time: arrival.time * factor }))
}

/** Arrivals from `begin` on and before `end`, with `begin` as the new beginning. Milliseconds. */
export function between (arrivals: readonly Arrival[], begin: number, end: number): Arrival[] {
  return arrivals.filter(({ time }) => time >= begin && time < end).map(arrival => ({ ...arrival, time: arrival.time - begin }))
}
