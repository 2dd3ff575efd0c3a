/** What a model is expected to cost. All durations in here are milliseconds. */
export interface Costs {
  /** From when those who must go for it have served their last request until it is awake. */
  arrival: number
  /** One of its requests, from admission until the last byte. */
  request: number
}

/** A model with those who are served by it and those who wait for it. */
export interface Crowd extends Costs {
  waiting: number
  maxConcurrency: number
  /** Since when each of its requests is being served. */
  ages: readonly number[]
  /** How long they may still run when it has to go. */
  drain: number
}

/** A transition on the GPUs of the model that is waited for. */
export interface UnderWay {
  /** How long ago those who must go had served their last request; undefined if they have not yet. */
  drained: number | undefined
  leaving: readonly Crowd[]
  waking: Crowd | undefined
}

/** All that an estimate goes by. */
export interface Situation {
  target: Crowd
  /** The place among those who wait for it: 1 is next. */
  position: number
  /** It is awake, and stays so: all that is in the way are those who came first. */
  open: boolean
  underWay: UnderWay | undefined
  /** Those on its GPUs that must go before it can come up, as they are after what is under way. */
  present: readonly Crowd[]
  /** Those whose turn on its GPUs comes first, in that order. */
  ahead: readonly Crowd[]
}

/** How long somebody has to wait until it is let in, as far as that can be known. Milliseconds. */
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

/** Who finds no free place waits until enough of those before it are through. */
function beyond (free: number, position: number, { maxConcurrency, request }: Crowd): number {
  return Math.max(0, position - free) * request / maxConcurrency
}

function restOf ({ drained, leaving, waking }: UnderWay): number {
  // Put to sleep by hand, which is the lesser part.
  const arrival = waking?.arrival ?? 0
  return drained === undefined ? longest(leaving.map(drainOf)) + arrival : rest(arrival, drained)
}

/** Until it has served all who hold it and all who wait for it. */
function turn (crowd: Crowd): number {
  return drainOf(crowd) + Math.ceil(crowd.waiting / crowd.maxConcurrency) * crowd.request
}

function drainOf ({ ages, request, drain }: Crowd): number {
  return Math.min(drain, longest(ages.map(age => rest(request, age))))
}

/** What is overdue is expected to take as long again: whatever has outlasted the usual is not the usual. */
function rest (expected: number, elapsed: number): number {
  return elapsed < expected ? expected - elapsed : elapsed
}

function longest (durations: number[]): number {
  return durations.reduce((most, duration) => Math.max(most, duration), 0)
}
