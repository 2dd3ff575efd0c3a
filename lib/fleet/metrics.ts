import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, register } from 'prom-client'
import type { Registry } from 'prom-client'
import { buckets } from '../metrics/catalogue.ts'
import type { NodeCondition } from './events.ts'

const conditions: Record<NodeCondition, true> = { unknown: true, up: true, draining: true, out: true, gone: true }

/** Metrics of an edge, by node and model, in a registry of yours. It adds no route. Register it after the fleet. */
async function metrics (fastify: FastifyInstance, { registry = register }: { registry?: Registry }): Promise<void> {
  const { llmuxFleet: fleet } = fastify
  const registers = [registry]
  const requests = new Counter({ name: 'llmux_fleet_requests_total', help: 'Requests that are over, by the node that they went to last and how they ended', labelNames: ['node', 'model', 'outcome'], registers })
  const duration = new Histogram({ name: 'llmux_fleet_time_to_first_byte_seconds', help: 'From the arrival of a request to the first byte of its answer', labelNames: ['model'], buckets, registers })
  const retries = new Counter({ name: 'llmux_fleet_retries_total', help: 'Requests that went to another node, by the node that gave no byte', labelNames: ['node', 'model'], registers })
  const moves = new Counter({ name: 'llmux_fleet_moves_total', help: 'Waiting requests that went to another node, which could serve them at once, by the node that they left', labelNames: ['node', 'model'], registers })
  const changes = new Counter({ name: 'llmux_fleet_node_changes_total', help: 'How often a node came into a condition', labelNames: ['node', 'condition'], registers })
  const all = [requests, duration, retries, moves, changes, ...gauges()]
  fleet.events.on('response', ({ node = '', model = '', outcome, firstByte }) => {
    requests.inc({ node, model, outcome })
    if (firstByte !== undefined) duration.observe({ model }, firstByte / 1_000)
  })
  fleet.events.on('retry', ({ from: node, model }) => retries.inc({ node, model }))
  fleet.events.on('move', ({ from: node, model }) => moves.inc({ node, model }))
  fleet.events.on('node', ({ node, to: condition }) => changes.inc({ node, condition }))
  fastify.addHook('onClose', async () => all.forEach(metric => registry.removeSingleMetric((metric as unknown as { name: string }).name)))

  function gauges () {
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) => new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect () {
        // A node that is gone is to leave no line behind.
        this.reset()
        collect(this as unknown as Gauge)
      }
    })
    const each = (value: 'inFlight' | 'waiting' | 'wait') => (gauge: Gauge) => {
      for (const { name: node, condition, models } of fleet.status().nodes) {
        if (condition === 'up') for (const model of models) gauge.set({ node, model: model.id }, value === 'wait' ? model.wait / 1_000 : model[value])
      }
    }
    return [
      gauge('llmux_fleet_nodes', 'Nodes in each condition', ['condition'], gauge => {
        for (const condition of Object.keys(conditions)) gauge.set({ condition }, fleet.status().nodes.filter(node => node.condition === condition).length)
      }),
      gauge('llmux_fleet_requests_in_flight', 'Requests that a node works on, of all edges', ['node', 'model'], each('inFlight')),
      gauge('llmux_fleet_queue_length', 'Requests that wait on a node, of all edges', ['node', 'model'], each('waiting')),
      gauge('llmux_fleet_wait_seconds', 'How long one would wait who came now, by the estimate of the node', ['node', 'model'], each('wait')),
      // What the number of nodes is to go by: a model's wait is that of the node where it is the least.
      gauge('llmux_fleet_longest_least_wait_seconds', 'The longest wait that a request for any model would have now on the node where it is the least', [], gauge => {
        const models = fleet.status().nodes.flatMap(({ condition, models }) => condition === 'up' ? models : [])
        const least = new Map<string, number>()
        for (const { id, wait } of models) least.set(id, Math.min(wait, least.get(id) ?? Infinity))
        gauge.set(Math.max(0, ...models.map(({ id, waiting }) => waiting > 0 ? least.get(id)! : 0)) / 1_000)
      })
    ]
  }
}

export const fleetMetrics = fp(metrics, { fastify: '5.x', name: 'fastify-llmux-fleet-metrics', dependencies: ['fastify-llmux-fleet'] })
