/** The expected costs of a model. All durations here are milliseconds. */
export interface Costs {
  /** From the last request of the models that make room until it is awake. */
  arrival: number
  /** A request of the model, from admission to the last byte. */
  request: number
}

/** A model with its requests in flight and its waiting requests. */
export interface Crowd extends Costs {
  waiting: number
  maxConcurrency: number
  /** Since when each request is in flight. */
  ages: readonly number[]
  /** How long they may still run when the model has to make room. */
  drain: number
}

/** A transition on the GPUs of the model that requests wait for. */
export interface UnderWay {
  /** Time since the last request of the models that make room; undefined if they still have some. */
  drained: number | undefined
  leaving: readonly Crowd[]
  waking: Crowd | undefined
}

/** All inputs of an estimate. */
export interface Situation {
  target: Crowd
  /** The position in the queue: 1 is next. */
  position: number
  /** Whether it is awake and stays so: only earlier requests are in the way. */
  open: boolean
  underWay: UnderWay | undefined
  /** The models on its GPUs that must make room, in their state after the present transition. */
  present: readonly Crowd[]
  /** The models whose turn on its GPUs comes first, in that order. */
  ahead: readonly Crowd[]
}

/** The expected wait until admission, as far as it is known. Milliseconds. */
export function estimate ({ target, position, open, underWay, present, ahead }: Situation): number {
  if (open) return beyond(0, position, target)
  let time = underWay === undefined ? 0 : restOf(underWay)
  if (underWay?.waking !== target) {
    let onGpu = present
    for (const next of [...ahead, target]) {
      time += longest(onGpu.map(turn)) + next.arrival
      onGpu = [next]
    }
  }
  return time + beyond(target.maxConcurrency, position, target)
}

/** Without a free place, a request waits until enough of the earlier ones are done. */
function beyond (free: number, position: number, { maxConcurrency, request }: Crowd): number {
  return Math.max(0, position - free) * request / maxConcurrency
}

function restOf ({ drained, leaving, waking }: UnderWay): number {
  // An estimate for a model that was put to sleep by hand, which is the rarer case.
  const arrival = waking?.arrival ?? 0
  return drained === undefined ? longest(leaving.map(drainOf)) + arrival : rest(arrival, drained)
}

/** Until all requests in flight and all waiting ones have been served. */
function turn (crowd: Crowd): number {
  return drainOf(crowd) + Math.ceil(crowd.waiting / crowd.maxConcurrency) * crowd.request
}

function drainOf ({ ages, request, drain }: Crowd): number {
  return Math.min(drain, longest(ages.map(age => rest(request, age))))
}

/** An overdue request is expected to take as long again: it has outlasted the average. */
function rest (expected: number, elapsed: number): number {
  return elapsed < expected ? expected - elapsed : elapsed
}

function longest (durations: number[]): number {
  return durations.reduce((most, duration) => Math.max(most, duration), 0)
}
