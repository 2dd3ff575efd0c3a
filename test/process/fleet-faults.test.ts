import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import type { FleetOptions, NodeStatus } from '../../lib/fleet/index.ts'
import { ServerProcess } from '../fleet/server-process.js'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import type { MockGpu } from '../helpers/mock-engine.ts'

// Nodes and edges as processes of their own, which are stopped, killed and started anew; their engines are mocks.

const adminKey = 'operators'
const asOperator = { headers: { authorization: `Bearer ${adminKey}` } }

interface TestNode extends ServerProcess { gpu: MockGpu }

async function startNode (t: Test, { mock = {}, ...llmux }: { mock?: Record<string, number>, [option: string]: unknown } = {}): Promise<TestNode> {
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

async function startEdge (t: Test, nodes: ServerProcess[], options: Partial<FleetOptions> = {}) {
  const edge = await ServerProcess.start('edge', { adminKey, fleet: { nodes: nodes.map(({ url }) => url), stale: 1_500, ...options } })
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

const served = ({ gpu }: TestNode) => gpu.records().filter(({ event }) => event === 'finished').length
const reached = ({ gpu }: TestNode) => gpu.records().filter(({ event }) => event === 'request').length

t.test('a node that hangs is out, what had no byte goes elsewhere, and it comes back when it goes on', async t => {
  const mock = { 'prompt-ms': 400, 'token-ms': 20 }
  const [a, b] = await Promise.all([startNode(t, { mock }), startNode(t, { mock })])
  const edge = await startEdge(t, [a, b])
  t.equal((await edge.operate(a, 'models/m/switch?wait=true')).statusCode, 200)
  await until('the edge has heard of it', async () => (await edge.status()).some(({ models }) => models[0]?.awake))
  const silent = edge.chat({ max_tokens: 2 })
  await until('it is at the first node', () => reached(a) === 1)
  a.signal('SIGSTOP')
  const waiting = edge.operate(a, 'drain?wait=true')
  const answer = await silent
  t.equal(answer.statusCode, 200)
  t.match(await answer.body.json(), { model: 'm' })
  t.equal(served(b), 1)
  await edge.is(a, 'out')
  const undone = await waiting
  t.equal(undone.statusCode, 502)
  t.match(await undone.body.json(), { error: { code: 'LLMUX_ERR_NODE_UNREACHABLE' } })
  a.signal('SIGCONT')
  await until('it is back, and does what was asked of it meanwhile', async () => (await edge.status())[0]!.condition === 'draining')
  t.equal((await edge.operate(a, 'undrain')).statusCode, 200)
  await edge.is(a, 'up')
  await until('it has let go of the request that went elsewhere', () => a.gpu.records().some(({ event }) => event === 'aborted' || event === 'finished'))
})

t.test('a node that dies in the midst of a stream breaks it visibly; it comes back when it is started anew', async t => {
  const [a, b] = await Promise.all([startNode(t, { mock: { 'token-ms': 20 } }), startNode(t)])
  const [one, two] = await Promise.all([startEdge(t, [a, b]), startEdge(t, [a, b])])
  await one.operate(a, 'models/m/switch?wait=true')
  await until('both edges have heard of it', async () => [...await one.status(), ...await two.status()].filter(({ models }) => models[0]?.awake).length === 2)
  const streams = await Promise.all([one, two].map(async edge => new StreamReader(await edge.chat({ stream: true, max_tokens: 5_000 }))))
  await until('the streams have begun', () => streams.every(({ text }) => text.includes('content')))
  t.equal(reached(a), 2, 'both edges go where it is awake')
  await a.stop('SIGKILL')
  await Promise.all(streams.map(({ done }) => done))
  for (const stream of streams) {
    t.equal(stream.end, 'broken')
    t.notOk(stream.sawDone)
    t.match(stream.text, '"code":"node_lost"')
  }
  const answers = await Promise.all([one, two].map(edge => edge.chat({ max_tokens: 2 })))
  for (const answer of answers) {
    t.equal(answer.statusCode, 200)
    await answer.body.dump()
  }
  t.equal(served(b), 2)
  await a.start()
  await Promise.all([one, two].map(edge => edge.is(a, 'up')))
})

t.test('one edge dies, and the other goes on', async t => {
  const node = await startNode(t, { mock: { 'token-ms': 20 } })
  const edges = [await startEdge(t, [node]), await ServerProcess.start('edge', { adminKey, fleet: { nodes: [node.url] } })] as const
  const stream = new StreamReader(await edges[0].chat({ stream: true, max_tokens: 50 }))
  await edges[1].stop('SIGKILL')
  await stream.done
  t.ok(stream.sawDone)
  t.equal((await edges[0].chat({ max_tokens: 1 })).statusCode, 200)
  await edges[1].remove()
})
