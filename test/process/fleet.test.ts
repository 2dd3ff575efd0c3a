import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import t from 'tap'
import { request } from 'undici'
import fleet, { fleetAdmin, fleetMetrics } from '../../lib/fleet/index.ts'
import type { FleetOptions } from '../../lib/fleet/index.ts'
import { plainNode } from '../helpers/plain-node.ts'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { adminKey, startEdge, startNode } from '../helpers/fleet.ts'
import type { TestGatewayOptions } from '../helpers/gateway.ts'
import { requestsSeenBy } from '../helpers/gateway-view.ts'

// An edge in front of gateways, all in this process; their engines are mocks.

t.jobs = 3

t.test('a request goes where its model is awake', async t => {
  const [a, b] = await Promise.all([startNode(t, { models: ['m', 'n'] }), startNode(t, { models: ['m', 'n'] })])
  await b.app.llmux.switchTo('m')
  const edge = await startEdge(t, [a.url, b.url])
  await until('the edge has heard of it', () => edge.app.llmuxFleet.status().nodes.some(({ name, models }) => name === b.url && models.some(({ id, awake }) => id === 'm' && awake)))
  for (const content of ['one', 'two', 'three']) {
    const answer = await edge.chat('m', { messages: [{ role: 'user', content }] })
    t.equal(answer.statusCode, 200)
    t.match(await answer.body.json(), { model: 'm' })
  }
  t.equal((await requestsSeenBy(b, 'm')).length, 3)
  await until('the answers have been told of', () => edge.ends.length === 3)
  t.match(edge.ends, [1, 2, 3].map(() => ({ node: b.url, model: 'm', outcome: 'ok' })))
  const list = await (await request(`${edge.app.listeningOrigin}/v1/models`)).body.json() as { data: Array<{ id: string }> }
  t.same(list.data.map(({ id }) => id), ['m', 'n'])
  t.equal((await edge.chat('stranger')).statusCode, 404)
})

t.test('a request without a byte goes to another node once, one with bytes breaks', async t => {
  const [a, b] = await Promise.all([startNode(t, { models: ['m'], mock: { 'prompt-ms': 600, 'token-ms': 20 } }), startNode(t, { models: ['m'], mock: { 'prompt-ms': 600, 'token-ms': 20 } })])
  await Promise.all([a.app.llmux.switchTo('m'), b.app.llmux.switchTo('m')])
  const edge = await startEdge(t, [a.url, b.url], { choose: ({ nodes }) => (nodes.find(({ name }) => name === a.url) ?? nodes[0])?.name })
  const stream = new StreamReader(await edge.chat('m', { stream: true, max_tokens: 1_000 }))
  await until('the stream has begun', () => stream.text.includes('content'))
  const silent = edge.chat('m', { stream: true, max_tokens: 3 })
  await until('it is at the first node', () => a.app.llmux.status().models[0]!.inFlight === 2)
  a.app.server.closeAllConnections()
  const moved = new StreamReader(await silent)
  await Promise.all([stream.done, moved.done])
  t.equal(stream.end, 'broken')
  t.notOk(stream.sawDone, 'it does not look whole')
  t.match(stream.text, '"code":"node_lost"')
  t.equal(moved.end, 'ended')
  t.ok(moved.sawDone)
  t.equal((await requestsSeenBy(b, 'm')).length, 1)
})

t.test('a node that drains gets no new requests, serves what it has, and its models sleep', async t => {
  const [a, b] = await Promise.all([startNode(t, { models: ['m'], mock: { 'token-ms': 20 } }), startNode(t, { models: ['m'] })])
  await a.app.llmux.switchTo('m')
  const edge = await startEdge(t, [a.url, b.url])
  await until('the edge has heard of it', () => edge.app.llmuxFleet.status().nodes.some(({ models }) => models[0]?.awake))
  const stream = new StreamReader(await edge.chat('m', { stream: true, max_tokens: 40 }))
  await until('the stream has begun', () => stream.text.includes('content'))
  const drained = request(`${a.url}/admin/drain?wait=true`, { method: 'POST', headers: { authorization: `Bearer ${adminKey}` } })
  // Before the edge can have heard of it.
  const answer = await edge.chat('m')
  t.equal(answer.statusCode, 200)
  await answer.body.dump()
  await stream.done
  t.ok(stream.sawDone, 'what it had is served')
  t.equal((await drained).statusCode, 200)
  t.equal(a.app.llmux.status().models[0]!.state, 'asleep')
  t.match(edge.app.llmuxFleet.status().nodes.find(({ name }) => name === a.url), { condition: 'draining' })
  t.match(a.app.llmux.readiness(), { ready: false, reason: 'the gateway is being drained' })
  a.app.llmux.undrain()
  await until('it is up again', () => edge.app.llmuxFleet.status().nodes.every(({ condition }) => condition === 'up'))
})

t.test('full nodes: 429 with Retry-After', async t => {
  const a = await startNode(t, { models: { m: { maxQueue: 0 }, n: {} }, mock: { 'token-ms': 20 }, policy: 'fifo', freeze: false })
  await a.app.llmux.switchTo('n')
  const edge = await startEdge(t, [a.url])
  const answer = await edge.chat('m')
  t.equal(answer.statusCode, 429)
  t.match(await answer.body.json(), { error: { code: 'LLMUX_ERR_FLEET_FULL', type: 'rate_limit_error' } })
  t.ok(Number(answer.headers['retry-after']) >= 1)
})

t.test('without a node: 503, and ready says so', async t => {
  const edge = await startEdge(t, ['http://127.0.0.1:9'], {}, 0)
  const answer = await edge.chat('m')
  t.equal(answer.statusCode, 503)
  t.match(await answer.body.json(), { error: { code: 'LLMUX_ERR_NO_NODE' } })
  const ready = await edge.app.inject('/health/ready')
  t.equal(ready.statusCode, 503)
  t.match(ready.json().reason, 'http://127.0.0.1:9')
})

t.test('nodes that come and go', async t => {
  const [a, b] = await Promise.all([startNode(t, { models: ['m'] }), startNode(t, { models: ['m'] })])
  let origins = [a.url]
  const edge = await startEdge(t, () => origins, { lookup: 50 })
  origins = [b.url]
  await until('the other is there', () => edge.app.llmuxFleet.status().nodes.map(({ name, condition }) => `${name} ${condition}`).join() === `${b.url} up`)
  t.equal((await edge.chat('m')).statusCode, 200)
  t.equal((await requestsSeenBy(b, 'm')).length, 1)
})

t.test('priorities count from the edge, and from nobody else', async t => {
  const node = await startNode(t, { models: ['m', 'n'], edgeKey: 'edge', timeouts: { passive: 200 } })
  await node.app.llmux.switchTo('n')
  const headers = { 'x-llmux-may-cause-switch': 'false' }
  const seen: Array<number | undefined> = []
  node.app.llmux.events.on('request', ({ to }) => { if (to === 'queued') seen.push(node.app.llmux.requests().waiting.at(-1)?.priority) })
  t.equal((await node.chat('m', 'hi', {}, { headers: { ...headers, 'x-llmux-priority': '5' } })).status, 200, 'a stranger is not believed')
  await node.app.llmux.switchTo('n')
  const edge = await startEdge(t, [node.url], { edgeKey: 'edge', priority: () => 4, mayCauseSwitch: () => false })
  t.equal((await edge.chat('m', {}, { 'x-llmux-edge': 'guess' })).statusCode, 504, 'the edge is')
  t.same(seen, [0, 4])
  await node.app.llmux.switchTo('m')
  t.equal((await edge.chat('m', {}, { 'x-forwarded-for': '1.2.3.4', authorization: 'Bearer secret' })).statusCode, 200)
  const { headers: got } = (await requestsSeenBy(node, 'm')).at(-1)!
  for (const name of ['x-llmux-edge', 'x-forwarded-for', 'authorization']) t.notOk(name in got, `the engine does not see ${name}`)
})

t.test('heartbeats pass, and one whose node dies meanwhile goes to another', async t => {
  const options: TestGatewayOptions = { models: ['m', 'n'], heartbeat: 100, freeze: false, mock: { 'token-ms': 20 } }
  const [a, b] = await Promise.all([startNode(t, options), startNode(t, options)])
  await Promise.all([a.app.llmux.switchTo('n'), b.app.llmux.switchTo('n')])
  const edge = await startEdge(t, [a.url, b.url], { choose: ({ nodes }) => (nodes.find(({ name }) => name === a.url) ?? nodes[0])?.name })
  // Holds the first node's GPU.
  const lease = await a.app.llmux.acquire('n')
  const answer = await edge.chat('m', { stream: true, max_tokens: 3 })
  t.match(answer.headers, { 'x-llmux-queue-position': '1' })
  const stream = new StreamReader(answer)
  await until('comments come', () => stream.text.includes('waiting, position 1'))
  a.app.server.closeAllConnections()
  await stream.done
  t.ok(stream.sawDone)
  t.equal((await requestsSeenBy(b, 'm')).length, 1)
  lease.release()
})

t.test('a node that breaks three connections in a row is out, though it reports its state', async t => {
  const breaking = { before: (app: FastifyInstance) => app.addHook('onRequest', async ({ url, raw }) => { if (url.startsWith('/v1/chat')) raw.destroy() }) }
  const [a, b] = await Promise.all([startNode(t, { models: ['m'], ...breaking }), startNode(t, { models: ['m'] })])
  const edge = await startEdge(t, [a.url, b.url], { choose: ({ nodes }) => (nodes.find(({ name }) => name === a.url) ?? nodes[0])?.name })
  for (let count = 0; count < 3; count++) t.match(await (await edge.chat('m')).body.json(), { model: 'm' })
  t.match(edge.changes.find(({ to }) => to === 'out'), { node: a.url, reason: /^3 connections failed/ })
  t.equal((await requestsSeenBy(b, 'm')).length, 3)
})

t.test('operators drain a node and switch on it from the edge, and see its metrics', async t => {
  const [a, b] = await Promise.all([startNode(t, { models: ['m', 'n/1'] }), startNode(t, { models: ['m', 'n/1'] })])
  const app = Fastify()
  const registry = new Registry()
  await app.register(fleet, { nodes: [a.url, b.url], adminKey })
  await app.register(fleetAdmin, { prefix: '/admin', guard: 'edge-key' })
  await app.register(fleetMetrics, { registry })
  t.teardown(async () => { await app.close() })
  await app.ready()
  const conditions = () => app.llmuxFleet.status().nodes.map(({ condition }) => condition).join()
  await until('the nodes are up', () => conditions() === 'up,up')
  const headers = { authorization: 'Bearer edge-key' }
  const host = new URL(a.url).host
  t.equal((await app.inject('/admin/nodes')).statusCode, 401)
  const switched = await app.inject({ method: 'POST', url: `/admin/nodes/${host}/models/n/1/switch?wait=true`, headers })
  t.match(switched.json(), { operation: { action: 'switch', model: 'n/1', state: 'done' } })
  t.equal(a.app.llmux.status().models[1]!.state, 'awake')
  const drained = await app.inject({ method: 'POST', url: `/admin/nodes/${host}/drain`, headers })
  t.equal(drained.statusCode, 202)
  await until('the edge has heard of it', () => conditions() === 'draining,up')
  const operation = async () => (await app.inject({ url: `/admin/nodes/${host}/operations/${drained.json().operation.id}`, headers })).json()
  while ((await operation()).operation.state === 'running');
  t.match(await operation(), { operation: { state: 'done' } })
  t.equal(a.app.llmux.status().models[1]!.state, 'asleep')
  const chat = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: { model: 'm', messages: [{ role: 'user', content: 'hi' }] } })
  t.equal(chat.statusCode, 200)
  const text = await registry.metrics()
  t.match(text, `llmux_fleet_requests_total{node="${b.url}",model="m",outcome="ok"} 1`)
  t.match(text, 'llmux_fleet_nodes{condition="draining"} 1')
  t.match(text, 'llmux_fleet_longest_least_wait_seconds 0')
  t.match(text, 'llmux_fleet_moves_total')
  t.equal((await app.inject({ method: 'POST', url: `/admin/nodes/${host}/undrain`, headers, payload: {} })).statusCode, 200)
  await until('it is up again', () => conditions() === 'up,up')
  t.equal((await app.inject({ method: 'POST', url: '/admin/nodes/stranger:1/drain', headers })).statusCode, 400)
})

t.test('the edge of docs/fleet.md, and its function', async t => {
  const page = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')
  const [server = '', own = '', pageOfIt = ''] = [...page.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code)
  const [node, ...before] = plainNode
  const code = `${own}${server.replace('await app.listen', `${pageOfIt}await app.listen`).replace('port: 3000, host: \'0.0.0.0\'', 'port: 0').replace('logger: true', 'logger: false')}
    const node = { models: [{ id: 'a-70b', awake: true, inFlight: 0, waiting: 0, sent: 0, maxConcurrency: 1, serviceTime: 1, gpus: [0] }] }
    const chosen = choose({ model: 'a-70b', nodes: [{ ...node, name: 'http://gpu-2:3000' }, { ...node, name: 'http://gpu-1:3000' }] })
    console.log(JSON.stringify({ chosen, ready: (await app.inject('/health/ready')).statusCode, page: (await app.inject('/admin/')).body.includes('page/fleet.js'), nodes: (await app.inject({ url: '/admin/nodes', headers: { 'x-llmux-key': 'c' } })).json().nodes.length }))
    await app.close()`
  const { stdout } = await promisify(execFile)(node, [...before, '--input-type=module', '-e', code], { env: { ...process.env, NODE_ADMIN_KEY: 'a', NODE_API_KEY: 'b', EDGE_KEY: 'e', ADMIN_KEY: 'c' } })
  t.same(JSON.parse(stdout), { chosen: 'http://gpu-1:3000', ready: 503, page: true, nodes: 2 })
})

t.test('the options at the head of docs/reference/fleet.md are taken', async t => {
  const [, snippet = ''] = /```js\n([^]*?)```/.exec(readFileSync(new URL('../../docs/reference/fleet.md', import.meta.url), 'utf8')) ?? []
  const [node, ...before] = plainNode
  const code = `import Fastify from 'fastify'\nimport fleet from 'fastify-llmux/fleet'\nconst app = Fastify()\n${snippet}\nconsole.log(app.llmuxFleet.status().nodes.length)\nawait app.close()`
  const { stdout } = await promisify(execFile)(node, [...before, '--input-type=module', '-e', code], { env: { ...process.env, NODE_ADMIN_KEY: 'a' } })
  t.equal(stdout.trim(), '1')
})

t.test('options that are wrong are refused by name', async t => {
  const refused = async (options: object, message: RegExp) => await t.rejects(async () => { await Fastify().register(fleet, { nodes: ['http://a:1'], adminKey, ...options } as FleetOptions) }, message)
  await refused({ nodes: ['a'] }, /option nodes must be a list of origins/)
  await refused({ adminKey: 'a b' }, /option adminKey must be a key without spaces/)
  await refused({ nodez: 1 }, /option nodez is unknown/)
  await refused({ stale: 0 }, /option stale must be a whole number/)
  await refused({ retries: 2 }, /option retries must be a number from 0 to 1/)
})
