import type { Test } from 'tap'
import { request } from 'undici'
import type { FleetOptions, NodeStatus } from '../../lib/fleet/index.ts'
import { ServerProcess } from '../fleet/server-process.js'
import { until } from './engine-process.ts'
import { adminKey } from './fleet.ts'
import { makeGpu, mockCommand } from './mock-engine.ts'
import type { MockGpu } from './mock-engine.ts'

const asOperator = { headers: { authorization: `Bearer ${adminKey}` } }

/** One node, and its simulated GPU. */
export interface NodeProcess extends ServerProcess { gpu: MockGpu }

/** A node as a process of its own. */
export async function startNodeProcess (t: Test, { mock = {}, ...llmux }: { mock?: Record<string, number>, [option: string]: unknown } = {}): Promise<NodeProcess> {
  const gpu = makeGpu()
  const args = Object.entries(mock).flatMap(([name, value]) => [`--mock-${name}`, String(value)])
  const node = await ServerProcess.start('node', {
    adminKey,
    llmux: { command: mockCommand, gpuMemoryCommand: [...gpu.command, '--processes'], policy: 'fifo', models: { m: { args, env: gpu.env } }, ...llmux }
  })
  t.teardown(async () => {
    await node.remove()
    gpu.remove()
  })
  return Object.assign(node, { gpu })
}

/** An edge as a process of its own; all nodes are up. */
export async function startEdgeProcess (t: Test, nodes: ServerProcess[], options: Partial<FleetOptions> = {}) {
  const edge = await ServerProcess.start('edge', { adminKey, fleet: { nodes: nodes.map(({ url }) => url), stale: 4_000, ...options } })
  t.teardown(() => edge.remove())
  const status = async () => (await (await request(`${edge.url}/admin/nodes`, asOperator)).body.json() as { nodes: NodeStatus[] }).nodes
  const is = (node: ServerProcess, condition: string) => until(`${node.url} is ${condition}`, async () => (await status()).find(({ name }) => name === node.url)?.condition === condition)
  for (const node of nodes) await is(node, 'up')
  return {
    url: edge.url,
    status,
    is,
    operate: (node: ServerProcess, path: string) => request(`${edge.url}/admin/nodes/${node.host}/${path}`, { method: 'POST', ...asOperator }),
    chat: (more: object = {}) => request(`${edge.url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more })
    })
  }
}

/** Answers that its engines have finished. */
export const served = ({ gpu }: NodeProcess) => gpu.records().filter(({ event }) => event === 'finished').length
/** Requests that have come to its engines. */
export const reached = ({ gpu }: NodeProcess) => gpu.records().filter(({ event }) => event === 'request').length
