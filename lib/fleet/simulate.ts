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
import type { Lease } from '../switcher/lease.ts'
import { createPolicy } from '../switcher/policy/index.ts'
import { Switcher } from '../switcher/switcher.ts'
import { chooseNode } from './choice/choose.ts'
import { isOpen } from './choice/cost.ts'
import type { ChooseNode, NodeModelView, NodeView } from './choice/types.ts'

export interface FleetSimulationOptions {
  /** In the order of their times. */
  arrivals: readonly Arrival[]
  /** How many machines with a GPU each. Minimum 1. */
  nodes: number
  policy: PolicyOption
  costs: Costs
  /** Default: the one of production. */
  choose?: ChooseNode
  /** As the option of the fleet. Default `true`. */
  move?: boolean
  /** Requests that an engine works on at once. Default 32. Minimum 1. */
  maxConcurrency?: number
}

export interface FleetSimulationResult extends WaitStatistics {
  switches: number
  /** The share of the time from the first arrival to the last answer in which a node was going from one model to another, on average. */
  switching: number
  /** Requests by the node that served them. */
  byNode: number[]
  /** How often a waiting request moved to another node. */
  moves: number
}

/**
 * Sends requests to several machines by the choice, through the switcher and the policy of production; clock and engines are
 * simulated. It shows what another machine would bring. The same input has the same result.
 *
 * @throws {SimulationError} if the choice or the policy fails, or a request is left waiting forever.
 */
export function simulateFleet (options: FleetSimulationOptions): FleetSimulationResult {
  return new FleetSimulation(options).run()
}

interface SimulatedNode extends NodeView {
  name: string
  models: NodeModelView[]
  switcher: Switcher
  requests: number
}

/** A request that waits. */
interface Waiting {
  arrival: Arrival
  node: SimulatedNode
  leave: () => void
}

class FleetSimulation {
  readonly #options: FleetSimulationOptions
  readonly #clock = new SimulatedClock(0)
  readonly #nodes: SimulatedNode[]
  readonly #waits: Wait[] = []
  /** In the order of their arrival. */
  readonly #waiting = new Set<Waiting>()
  /** Models that may have become awake, or have got room, somewhere. */
  readonly #opened = new Set<string>()
  #switches = 0
  #switching = 0
  #moves = 0
  #failure: Error | undefined

  constructor (options: FleetSimulationOptions) {
    this.#options = options
    const models = modelsOf(options.arrivals)
    this.#nodes = Array.from({ length: options.nodes }, (_, index) => ({ name: `node-${index + 1}`, models: [], switcher: this.#switcher(models), requests: 0 }))
  }

  run (): FleetSimulationResult {
    const { arrivals, nodes, move = true } = this.#options
    playArrivals(this.#clock, arrivals, arrival => this.#arrive(arrival))
    const end = (arrivals.at(-1)?.time ?? 0) + patience
    while (this.#waits.length < arrivals.length && this.#clock.now() < end && this.#clock.advanceToNext()) {
      if (move && nodes > 1) this.#rearrange()
      if (this.#failure !== undefined) throw this.#failure
    }
    const left = arrivals.length - this.#waits.length
    if (left > 0) throw new SimulationError(`${left} requests are still waiting`)
    const duration = this.#clock.now() - (arrivals[0]?.time ?? 0)
    return {
      ...waitStatistics(this.#waits),
      switches: this.#switches,
      switching: duration === 0 ? 0 : this.#switching / duration / nodes,
      byNode: this.#nodes.map(({ requests }) => requests),
      moves: this.#moves
    }
  }

  #switcher (models: readonly string[]): Switcher {
    const { policy, costs, maxConcurrency } = this.#options
    const events = new LlmuxEvents()
    events.on('transition', ({ model, from, to, duration }) => {
      if (to === 'idle') this.#opened.add(model)
      if (from === 'evicting' || from === 'waking') this.#switching += duration
      if (from === 'waking' && to === 'idle') this.#switches++
    })
    const clock = this.#clock
    return new Switcher(models.map(id => simulatedModel(id, maxConcurrency)), { engines: new SimulatedEngines(clock, costs, '', false), clock, events, policy: createPolicy(policy), limits: unlimited })
  }

  /** In one process nothing is on its way: what nodes report is what is so. */
  #look (): void {
    for (const node of this.#nodes) node.models = nodeState(node.switcher).models.map(model => ({ ...model, sent: 0 }))
  }

  #arrive (arrival: Arrival): void {
    const { choose = chooseNode } = this.#options
    this.#look()
    const name = choose({ model: arrival.model, conversation: undefined, nodes: this.#nodes })
    const node = this.#nodes.find(node => node.name === name)
    if (node === undefined) this.#fail(new Error(`no node was chosen for ${arrival.model}`))
    else this.#send(arrival, node)
  }

  #send (arrival: Arrival, node: SimulatedNode): void {
    const { model, time } = arrival
    const request: Waiting = { arrival, node, leave: () => {} }
    this.#waiting.add(request)
    request.leave = node.switcher.request(model, 0, {
      granted: lease => {
        this.#waiting.delete(request)
        node.requests++
        this.#serve(lease, arrival, this.#clock.now() - time)
      },
      refused: error => this.#fail(error)
    })
  }

  #serve (lease: Lease, { model, time, service }: Arrival, wait: number): void {
    this.#clock.setTimeout(() => {
      this.#waits.push({ model, wait, end: this.#clock.now() - time, service })
      lease.release()
      this.#opened.add(model)
    }, service)
  }

  /** As an edge does when a node has reported its state. */
  #rearrange (): void {
    const requests = [...this.#waiting].filter(({ arrival }) => this.#opened.has(arrival.model))
    this.#opened.clear()
    if (requests.length === 0) return
    this.#look()
    const open = this.#nodes.flatMap(node => node.models.filter(isOpen).map(model => ({ node, model })))
    for (const request of requests) {
      const { arrival, node: from } = request
      const to = open.find(({ node, model }) => model.id === arrival.model && node !== from && isOpen(model))
      if (to === undefined) continue
      this.#moves++
      request.leave()
      this.#waiting.delete(request)
      this.#send(arrival, to.node)
      to.model.sent++
    }
  }

  /** Noted only: the switcher continues even if a callback throws. */
  #fail (error: Error): void {
    this.#failure ??= new SimulationError(error.message, { cause: error })
  }
}
