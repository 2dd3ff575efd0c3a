import { SimulationError } from '../errors.ts'
import { LlmuxEvents } from '../events.ts'
import { nodeState } from '../host/node-state.ts'
import type { PolicyOption } from '../options/types.ts'
import { SimulatedClock } from '../simulator/clock.ts'
import type { Costs } from '../simulator/costs.ts'
import { SimulatedEngines } from '../simulator/engines.ts'
import { modelsOf, patience, playArrivals, simulatedModel, unlimited } from '../simulator/play.ts'
import { waitStatistics } from '../simulator/statistics.ts'
import type { Wait, WaitStatistics } from '../simulator/statistics.ts'
import type { Arrival } from '../simulator/traffic/arrival.ts'
import { createPolicy } from '../switcher/policy/index.ts'
import { Switcher } from '../switcher/switcher.ts'
import { chooseNode } from './choice/choose.ts'
import type { ChooseNode } from './choice/types.ts'

export interface FleetSimulationOptions {
  /** In the order of their times. */
  arrivals: readonly Arrival[]
  /** How many machines with a GPU each. Minimum 1. */
  nodes: number
  policy: PolicyOption
  costs: Costs
  /** Default: the one of production. */
  choose?: ChooseNode
  /** Requests that an engine works on at once. Default 32. Minimum 1. */
  maxConcurrency?: number
}

export interface FleetSimulationResult extends WaitStatistics {
  switches: number
  /** The share of the time from the first arrival to the last answer in which a node was going from one model to another, on average. */
  switching: number
  /** Requests by node. */
  byNode: number[]
}

/**
 * Sends requests to several machines by the choice, through the switcher and the policy of production; clock and engines are
 * simulated. It shows what another machine would bring. The same input has the same result.
 *
 * @throws {SimulationError} if the choice or the policy fails, or a request is left waiting forever.
 */
export function simulateFleet ({ arrivals, nodes: count, policy, costs, choose = chooseNode, maxConcurrency }: FleetSimulationOptions): FleetSimulationResult {
  const clock = new SimulatedClock(0)
  const models = modelsOf(arrivals)
  const waits: Wait[] = []
  let switches = 0
  let switching = 0
  const fail = (error: Error) => { throw new SimulationError(error.message, { cause: error }) }
  const nodes = Array.from({ length: count }, (_, index) => {
    const events = new LlmuxEvents()
    events.on('transition', ({ from, to, duration }) => {
      if (from === 'evicting' || from === 'waking') switching += duration
      if (from === 'waking' && to === 'idle') switches++
    })
    const switcher = new Switcher(models.map(id => simulatedModel(id, maxConcurrency)), {
      engines: new SimulatedEngines(clock, costs, '', false), clock, events, policy: createPolicy(policy), limits: unlimited
    })
    return { name: `node-${index + 1}`, switcher, requests: 0 }
  })
  let failure: Error | undefined
  const arrive = ({ time, model, service }: Arrival) => {
    // In one process nothing is on its way: what nodes tell is what is so.
    const chosen = choose({ model, conversation: undefined, nodes: nodes.map(({ name, switcher }) => ({ name, models: nodeState(switcher).models.map(model => ({ ...model, sent: 0 })) })) })
    const node = nodes.find(({ name }) => name === chosen)
    if (node === undefined) return fail(new Error(`no node was chosen for ${model}`))
    node.requests++
    node.switcher.request(model, 0, {
      granted: lease => {
        const wait = clock.now() - time
        clock.setTimeout(() => {
          waits.push({ model, wait, end: clock.now() - time, service })
          lease.release()
        }, service)
      },
      refused: error => { failure ??= error }
    })
  }
  playArrivals(clock, arrivals, arrive)
  const end = (arrivals.at(-1)?.time ?? 0) + patience
  while (waits.length < arrivals.length && clock.now() < end && clock.advanceToNext()) if (failure !== undefined) fail(failure)
  if (waits.length < arrivals.length) fail(new Error(`${arrivals.length - waits.length} requests are still waiting`))
  const duration = clock.now() - (arrivals[0]?.time ?? 0)
  return { ...waitStatistics(waits), switches, switching: duration === 0 ? 0 : switching / duration / count, byNode: nodes.map(({ requests }) => requests) }
}
