import { chooseNode } from 'fastify-llmux/fleet'
import { LlmuxEvents, SimulatedClock, SimulatedEngines, Switcher, createPolicy, modelsOf, nodeState, playArrivals, simulatedModel, unlimited } from '../helpers/internals.js'

/**
 * @typedef {import('fastify-llmux/simulator').Arrival} Arrival
 * @typedef {{ name: string, switcher: InstanceType<typeof Switcher> }} Machine
 * @typedef {{ arrival: Arrival, machine: Machine, leave: () => void }} Waiting
 */

/**
 * The mean wait under one scheduler for all machines, in milliseconds: it sees all of them, and nobody who waits is bound to one. Each goes,
 * whenever anything changes, to a machine that can take it at once, or else to one that has nothing to do. Apart from that it
 * chooses as production does: no lower bound, but what an edge could have at best without another choice or policy.
 * @param {{ arrivals: readonly Arrival[], nodes: number, policy: import('fastify-llmux').PolicyOption, costs: import('fastify-llmux/simulator').Costs }} options
 */
export function central ({ arrivals, nodes, policy, costs }) {
  const clock = new SimulatedClock(0)
  const models = modelsOf(arrivals)
  /** @type {Machine[]} */
  const machines = Array.from({ length: nodes }, (_, index) => ({
    name: `node-${index + 1}`,
    switcher: new Switcher(models.map(id => simulatedModel(id)), {
      engines: new SimulatedEngines(clock, costs, '', false), clock, events: new LlmuxEvents(), policy: createPolicy(policy), limits: unlimited
    })
  }))
  /** In the order of their arrival. @type {Set<Waiting>} */
  const waiting = new Set()
  let served = 0
  let waited = 0

  const view = () => machines.map(({ name, switcher }) => ({ name, models: nodeState(switcher).models.map(model => ({ ...model, sent: 0 })) }))

  /** @param {Arrival} arrival @param {Machine} machine @param {Waiting} [before] */
  const send = (arrival, machine, before) => {
    /** @type {Waiting} */
    const one = before ?? { arrival, machine, leave: () => {} }
    one.machine = machine
    let granted = false
    const leave = machine.switcher.request(arrival.model, 0, {
      granted: lease => {
        granted = true
        waiting.delete(one)
        waited += clock.now() - arrival.time
        clock.setTimeout(() => {
          served++
          lease.release()
        }, arrival.service)
      },
      refused: error => { throw error }
    })
    one.leave = leave
    if (!granted && before === undefined) waiting.add(one)
  }

  /** Machines where a model has room now, and those that have nothing to do. */
  const places = () => {
    const states = view()
    return {
      states,
      open: (/** @type {string} */ model) => states.findIndex(({ models }) => models.some(({ id, awake, inFlight, waiting, maxConcurrency }) => id === model && awake && inFlight + waiting < maxConcurrency)),
      idle: states.findIndex(({ models }) => models.every(({ inFlight, waiting, waking }) => inFlight + waiting === 0 && !waking))
    }
  }

  const rearrange = () => {
    if (waiting.size === 0 || nodes === 1) return
    /** @type {Set<string>} */
    const stuck = new Set()
    let { open, idle } = places()
    for (const one of [...waiting]) {
      const { arrival } = one
      if (stuck.has(arrival.model)) continue
      const better = open(arrival.model)
      const coming = nodeState(one.machine.switcher).models.some(({ id, waking }) => id === arrival.model && waking)
      const target = machines[better !== -1 ? better : coming ? -1 : idle]
      if (target === undefined || target === one.machine) {
        stuck.add(arrival.model)
        continue
      }
      one.leave()
      send(arrival, target, one)
      ;({ open, idle } = places())
    }
  }

  playArrivals(clock, arrivals, arrival => {
    const name = chooseNode({ model: arrival.model, conversation: undefined, nodes: view() })
    send(arrival, /** @type {Machine} */ (machines.find(machine => machine.name === name)))
  })
  while (served < arrivals.length && clock.advanceToNext()) rearrange()
  if (served < arrivals.length) throw new Error(`${arrivals.length - served} requests were never served`)
  return waited / served
}
