import { arrivalsDuring } from '../../../../lib/simulator/reference/two-models.ts'
import type { TwoModels } from '../../../../lib/simulator/reference/two-models.ts'

type State = readonly [awake: number, inFlight: number, here: number, there: number]
/** What follows an action: its cost and time on average, and where it leads with which probability. */
interface Outcome { cost: number, time: number, next: [State, number][] }

/** The least number of waiters on average over all policies that go by the state alone, each computed from its linear equations. */
export function bruteForce (models: TwoModels): number {
  const states = [0, 1].flatMap(awake => range(models.maxConcurrency).flatMap(inFlight =>
    range(models.queue).flatMap(here => range(models.queue).map((there): State => [awake, inFlight, here, there]))))
  const index = new Map(states.map((state, at) => [state.join(), at]))
  const choices = states.map(state => outcomes(state, models))
  let least = Infinity
  for (const policy of product(choices)) least = Math.min(least, mean(policy, next => index.get(next.join())!))
  return least
}

const range = (most: number) => Array.from({ length: most + 1 }, (_, number) => number)

function * product (choices: Outcome[][]): Generator<Outcome[]> {
  const [first, ...rest] = choices
  if (first === undefined) return yield []
  for (const others of product(rest)) for (const choice of first) yield [choice, ...others]
}

/** Wait for the next event, let in who fits, or go. */
function outcomes (state: State, models: TwoModels): Outcome[] {
  const [awake, inFlight, here, there] = state
  const admitted = Math.min(here, models.maxConcurrency - inFlight)
  const open: State = [awake, inFlight + admitted, here - admitted, there]
  return [wait(state, models), ...(admitted > 0 ? [wait(open, models)] : []), ...(inFlight === 0 ? [go(state, models)] : [])]
}

function wait ([awake, inFlight, here, there]: State, { rates, services, queue }: TwoModels): Outcome {
  const done = inFlight / services[awake]! * 1000
  const sum = rates[0] + rates[1] + done
  return {
    cost: (here + there) / sum,
    time: 1 / sum,
    next: [
      [[awake, inFlight, Math.min(queue, here + 1), there], rates[awake]! / sum],
      [[awake, inFlight, here, Math.min(queue, there + 1)], rates[1 - awake]! / sum],
      ...(inFlight > 0 ? [[[awake, inFlight - 1, here, there], done / sum] as [State, number]] : [])
    ]
  }
}

function go ([awake, , here, there]: State, { rates, costs, queue }: TwoModels): Outcome {
  const seconds = costs[awake]! / 1000
  const more = (rate: number) => arrivalsDuring(rate, costs[awake]!).map((probability, count) => [count, probability] as const)
  return {
    cost: (here + there) * seconds + (rates[0] + rates[1]) * seconds ** 2 / 2,
    time: seconds,
    next: more(rates[awake]!).flatMap(([a, p]) => more(rates[1 - awake]!).map(([b, q]): [State, number] =>
      [[1 - awake, 0, Math.min(queue, there + b), Math.min(queue, here + a)], p * q]))
  }
}

/** Solves value + mean · time = cost + Σ probability · value, with the first value 0; infinite if the states fall apart. */
function mean (policy: Outcome[], index: (state: State) => number): number {
  const size = policy.length
  const rows = policy.map(({ cost, time, next }, at) => {
    const row = Array(size + 1).fill(0)
    row[at] += 1
    for (const [state, probability] of next) row[index(state)] -= probability
    // The first value is 0: its column is the mean's.
    row[0] = time
    row[size] = cost
    return row as number[]
  })
  return solve(rows)[0]!
}

/** Gauss' elimination; infinite if there is no single solution. */
function solve (rows: number[][]): number[] {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    const pivot = rows.slice(column).reduce((best, row, offset) => Math.abs(row[column]!) > Math.abs(rows[best]![column]!) ? column + offset : best, column)
    if (Math.abs(rows[pivot]![column]!) < 1e-9) return Array(size).fill(Infinity)
    const swapped = rows[pivot]!
    rows[pivot] = rows[column]!
    rows[column] = swapped
    for (const row of rows) {
      if (row === swapped) continue
      const factor = row[column]! / swapped[column]!
      if (factor !== 0) for (let at = column; at <= size; at++) row[at]! -= factor * swapped[at]!
    }
  }
  return rows.map((row, at) => row[size]! / row[at]!)
}
