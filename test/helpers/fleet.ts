import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { request } from 'undici'
import type { Dispatcher } from 'undici'
import admin from '../../lib/admin/index.ts'
import fleet from '../../lib/fleet/index.ts'
import type { FleetOptions, FleetResponseEnd, NodeChange } from '../../lib/fleet/index.ts'
import health from '../../lib/health/index.ts'
import { until } from './engine-process.ts'
import { startGateway } from './gateway.ts'
import type { TestGateway, TestGatewayOptions } from './gateway.ts'

export const adminKey = 'operators'

/** A gateway with operators' routes, in this process. */
export async function startNode (t: Test, options: TestGatewayOptions): Promise<TestGateway> {
  const node = await startGateway({ ...options, after: async app => await app.register(admin, { prefix: '/admin', guard: adminKey }) })
  t.teardown(async () => { await node.close() })
  return node
}

export interface Edge {
  app: FastifyInstance
  ends: FleetResponseEnd[]
  changes: NodeChange[]
  chat (model: string, more?: object, headers?: Record<string, string>): Promise<Dispatcher.ResponseData>
}

/** An edge in this process. Resolves when so many nodes are up. */
export async function startEdge (t: Test, nodes: FleetOptions['nodes'], options: Partial<FleetOptions> = {}, up = Array.isArray(nodes) ? nodes.length : 1): Promise<Edge> {
  const app = Fastify()
  await app.register(fleet, { nodes, adminKey, stale: 5_000, ...options })
  await app.register(health, { prefix: '/health' })
  const changes: NodeChange[] = []
  app.llmuxFleet.events.on('node', change => changes.push(change))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { await app.close() })
  const ends: FleetResponseEnd[] = []
  app.llmuxFleet.events.on('response', end => ends.push(end))
  await until('the nodes are up', () => app.llmuxFleet.status().nodes.filter(({ condition }) => condition === 'up').length === up)
  return {
    app,
    ends,
    changes,
    chat: (model, more = {}, headers = {}) => request(`${url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more })
    })
  }
}
