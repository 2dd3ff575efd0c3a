import t from 'tap'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { reached, served, startEdgeProcess, startNodeProcess } from '../helpers/fleet-processes.ts'

// Nodes and edges as processes of their own, which are stopped, killed and started anew; their engines are mocks.

t.test('a node that hangs is out, what had no byte goes elsewhere, and it comes back when it goes on', async t => {
  const mock = { 'prompt-ms': 400, 'token-ms': 20 }
  const [a, b] = await Promise.all([startNodeProcess(t, { mock }), startNodeProcess(t, { mock })])
  const edge = await startEdgeProcess(t, [a, b])
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

t.test('a request without a byte outlives the nodes that it is sent to: two die in turn, the third answers', async t => {
  const slow = { 'prompt-ms': 60_000 }
  const [a, b, c] = await Promise.all([startNodeProcess(t, { mock: slow }), startNodeProcess(t, { mock: slow }), startNodeProcess(t)])
  const edge = await startEdgeProcess(t, [a, b, c])
  t.equal((await edge.operate(a, 'models/m/switch?wait=true')).statusCode, 200)
  t.equal((await edge.operate(b, 'models/m/switch?wait=true')).statusCode, 200)
  await until('the edge has heard of it', async () => (await edge.status()).filter(({ models }) => models[0]?.awake).length === 2)
  const answer = edge.chat({ max_tokens: 2 })
  await until('it is at one of them', () => reached(a) + reached(b) === 1)
  const [first, second] = reached(a) === 1 ? [a, b] : [b, a]
  await first.stop('SIGKILL')
  await until('it is at the other one', () => reached(second) === 1)
  await second.stop('SIGKILL')
  const { statusCode, body } = await answer
  t.equal(statusCode, 200)
  await body.dump()
  t.equal(served(c), 1)
})

t.test('a node that dies during a stream breaks it visibly; it comes back when it is started anew', async t => {
  const [a, b] = await Promise.all([startNodeProcess(t, { mock: { 'token-ms': 20 } }), startNodeProcess(t)])
  const [one, two] = await Promise.all([startEdgeProcess(t, [a, b]), startEdgeProcess(t, [a, b])])
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
