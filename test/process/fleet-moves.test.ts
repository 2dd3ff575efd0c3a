import t from 'tap'
import type { Test } from 'tap'
import { chooseNode } from '../../lib/fleet/index.ts'
import type { FleetOptions, Move } from '../../lib/fleet/index.ts'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startEdge, startNode } from '../helpers/fleet.ts'
import type { TestGatewayOptions } from '../helpers/gateway.ts'
import { requestsSeenBy } from '../helpers/gateway-view.ts'

// A request that waits on one node moves to another that can serve it at once.

t.jobs = 3

/** The first node serves a long answer of `n`, so that requests for `m`, which go there first, wait. */
async function start (t: Test, options: Partial<FleetOptions> = {}, node: Partial<TestGatewayOptions> = {}, tokens = 400) {
  const given = { models: ['m', 'n'], policy: 'fifo' as const, freeze: false, mock: { 'token-ms': 20 }, ...node }
  const [a, b] = await Promise.all([startNode(t, given), startNode(t, given)])
  const edge = await startEdge(t, [a.url, b.url], { choose: snapshot => chooseNode({ ...snapshot, nodes: snapshot.nodes.filter(({ name }, _, { length }) => length === 1 || name === a.url) }), ...options })
  const moves: Move[] = []
  edge.app.llmuxFleet.events.on('move', move => moves.push(move))
  const long = new StreamReader(await edge.chat('n', { stream: true, max_tokens: tokens }))
  await until('the long answer has begun', () => long.text.includes('content'))
  const queued = (count = 1) => until('they wait', () => a.app.llmux.status().models[0]!.waiting === count)
  return { a, b, edge, long, moves, queued }
}

t.test('a waiting request moves, once, and nothing of it stays behind', async t => {
  const { a, b, edge, long, moves, queued } = await start(t)
  const waiting = edge.chat('m')
  await queued()
  await b.app.llmux.switchTo('m')
  const answer = await waiting
  t.equal(answer.statusCode, 200)
  t.match(await answer.body.json(), { model: 'm', choices: [{ finish_reason: 'stop' }] })
  t.notOk(long.sawDone, 'the long answer still runs')
  t.match(moves, [{ model: 'm', from: a.url, to: b.url }])
  t.equal(a.app.llmux.status().models[0]!.waiting, 0)
  await long.done
  t.ok(long.sawDone)
  t.equal((await requestsSeenBy(b, 'm')).length, 1)
  await until('all have been told of', () => edge.ends.length === 2)
  t.match(edge.ends.find(({ model }) => model === 'm'), { node: b.url, outcome: 'ok' })
  t.same(edge.app.llmuxFleet.status().nodes.map(({ inFlight }) => inFlight), [0, 0])
})

t.test('as many move as find room, and comments have gone to the client before', async t => {
  const { b, edge, long, moves, queued } = await start(t, {}, { models: { m: { maxConcurrency: 2 }, n: {} }, heartbeat: 100 })
  const streams = await Promise.all([1, 2, 3].map(async content => new StreamReader(await edge.chat('m', { stream: true, max_tokens: 5, messages: [{ role: 'user', content: String(content) }] }))))
  await queued(3)
  await until('they have comments', () => streams.every(({ text }) => text.includes(': ')))
  await b.app.llmux.switchTo('m')
  await Promise.all(streams.map(({ done }) => done))
  for (const stream of streams) t.ok(stream.sawDone)
  t.ok(moves.length >= 2)
  await long.done
  t.same(edge.app.llmuxFleet.status().nodes.map(({ inFlight }) => inFlight), [0, 0])
})

t.test('with move: false it stays', async t => {
  const { a, b, edge, long, moves, queued } = await start(t, { move: false }, {}, 150)
  const waiting = edge.chat('m')
  await queued()
  await b.app.llmux.switchTo('m')
  t.equal((await waiting).statusCode, 200)
  await long.done
  t.equal(moves.length, 0)
  t.equal((await requestsSeenBy(a, 'm')).length, 1)
  t.equal((await requestsSeenBy(b, 'm')).length, 0)
})

t.test('what a node works on stays there, also while it has sent no byte', async t => {
  const { a, b, edge, moves } = await start(t, {}, { mock: { 'prompt-ms': 1_500 } }, 2)
  const served = edge.chat('m')
  await until('it is served', () => a.app.llmux.status().models[0]!.inFlight === 1)
  await b.app.llmux.switchTo('m')
  await until('the edge has heard of it', () => edge.app.llmuxFleet.status().nodes[1]!.models[0]!.awake)
  t.equal((await served).statusCode, 200)
  t.equal(moves.length, 0)
  t.equal((await requestsSeenBy(a, 'm')).length, 1)
})
