import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import fleet, { fleetAdmin } from '../../lib/fleet/index.ts'
import { until } from '../helpers/engine-process.ts'
import { adminKey, startEdge, startNode } from '../helpers/fleet.ts'
import { requestsSeenBy } from '../helpers/gateway-view.ts'

t.jobs = 3

/** What says what a test has it say: a node as far as an edge can see. */
async function pretendNode (t: Test, other: RequestListener = (_request, response) => response.end('{"choices":[]}')) {
  const streams: Array<{ request: IncomingMessage, response: ServerResponse }> = []
  let count = 0
  const state = () => `id: run-${++count}\nevent: state\ndata: ${JSON.stringify({
    draining: false, models: [{ id: 'm', awake: true, waking: false, inFlight: 0, waiting: 0, maxConcurrency: 8, wait: 0, cost: 1, serviceTime: 1, arrivalRate: 0, gpus: [0], full: false }]
  })}\n\n`
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return response.end('{"data":[{"id":"m"}]}')
    if (request.url !== '/admin/state') return other(request, response)
    streams.push({ request, response })
    response.write(': open\n\n')
    if (request.headers['last-event-id'] === undefined) response.write(state())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, streams, tell: () => streams.at(-1)!.response.write(state()) }
}

t.test('a state that is too old is not gone by: a node that says nothing is out, and comes back when it tells its state anew', async t => {
  const node = await pretendNode(t)
  const edge = await startEdge(t, [node.url], { stale: 500 })
  await until('it is out', () => edge.app.llmuxFleet.status().nodes[0]!.condition === 'out')
  t.match(edge.app.llmuxFleet.status().nodes[0]!.reason, 'silent for 500 ms')
  const refused = await edge.chat('m')
  t.equal(refused.statusCode, 503)
  t.match(await refused.body.json(), { error: { code: 'LLMUX_ERR_NO_NODE' } })
  await until('it is asked again', () => node.streams.length > 1)
  // It has answered for its models and opened its stream, but told nothing yet.
  t.equal(edge.app.llmuxFleet.status().nodes[0]!.condition, 'out')
  const telling = setInterval(node.tell, 50)
  t.teardown(() => clearInterval(telling))
  await until('it is up', () => edge.changes.at(-1)?.to === 'up')
  t.equal((await edge.chat('m')).statusCode, 200)
})

t.test('an event stream that breaks goes on after the last state that came', async t => {
  const node = await pretendNode(t)
  const edge = await startEdge(t, [node.url], { stale: 10_000 })
  node.tell()
  node.streams[0]!.response.destroy()
  await until('it is asked again', () => node.streams.length === 2)
  t.equal(node.streams[0]!.request.headers['last-event-id'], undefined)
  t.match(node.streams[1]!.request.headers['last-event-id'], /^run-[12]$/)
  node.tell()
  await until('it is up', () => edge.changes.at(-1)?.to === 'up')
})

t.test('a node that does not answer an operator: 504', async t => {
  const node = await pretendNode(t, () => {})
  const edge = Fastify()
  await edge.register(fleet, { nodes: [node.url], adminKey, operation: 100 })
  await edge.register(fleetAdmin, { prefix: '/admin', guard: adminKey })
  t.teardown(async () => { await edge.close() })
  const answer = await edge.inject({ method: 'POST', url: `/admin/nodes/${new URL(node.url).host}/drain`, headers: { authorization: `Bearer ${adminKey}` } })
  t.equal(answer.statusCode, 504)
  t.match(answer.json(), { error: { code: 'LLMUX_ERR_NODE_TIMEOUT', message: `node ${node.url} has not answered within 100 ms` } })
})

t.test('who asks is passed on only if that is asked for', async t => {
  const node = await startNode(t, { models: ['m'] })
  const client = { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4', 'x-real-ip': '1.2.3.4', 'x-user': 'forged', authorization: 'Bearer secret', cookie: 'session=secret' }
  const silent = await startEdge(t, [node.url])
  const telling = await startEdge(t, [node.url], { identity: ({ ip }) => ({ 'X-User': 'alice', 'x-forwarded-for': ip }) })
  for (const edge of [silent, telling]) t.equal((await edge.chat('m', {}, client)).statusCode, 200)
  const [first, second] = (await requestsSeenBy(node, 'm')).map(({ headers }) => headers)
  for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'authorization', 'cookie']) t.notOk(name in first!, `without it no ${name}`)
  t.match(second, { 'x-user': 'alice', 'x-forwarded-for': '127.0.0.1' })
  for (const name of ['forwarded', 'x-real-ip', 'authorization', 'cookie']) t.notOk(name in second!, `with it no ${name} either`)
})

t.test('between edge and node both can ask for certificates', async t => {
  const [key, cert] = ['key', 'cert'].map(name => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url)))
  const https = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true }
  const node = await startNode(t, { models: ['m'], server: { https } as object })
  const port = Number(new URL(node.url).port)
  const edge = await startEdge(t, { dns: 'localhost', port, protocol: 'https' }, { tls: { ca: cert!, key: key!, cert: cert! } })
  t.equal((await edge.chat('m')).statusCode, 200)
  t.equal((await requestsSeenBy(node, 'm')).length, 1)
  const refused = async (options: object, nodes: string[] | object, reason: RegExp) => {
    const stranger = await startEdge(t, nodes as string[], options, 0)
    await until('it is refused', () => stranger.changes.some(change => reason.test(change.reason)))
    t.notOk(stranger.app.llmuxFleet.readiness().ready)
  }
  await refused({ tls: { key, cert } }, { dns: 'localhost', port, protocol: 'https' }, /self-signed certificate/)
  await refused({ tls: { ca: cert, key, cert } }, [node.url], /does not match certificate's altnames|IP: 127.0.0.1 is not in/)
  await refused({ tls: { ca: cert } }, { dns: 'localhost', port, protocol: 'https' }, /certificate required|closed|ECONNRESET|EPIPE/i)
})
