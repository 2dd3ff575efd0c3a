import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { freePort, groupMembers, until } from '../helpers/engine-process.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, requestsSeenBy, statusOf } from '../helpers/gateway-view.ts'
import { collectLog } from '../helpers/log-lines.ts'

// The options of a model and what becomes of its engine, seen from the HTTP edge.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const contentOf = async (answer: Response) => (await answer.json() as any).choices[0].message.content as string
const eventsOf = ({ gpu }: TestGateway, ...events: string[]) => gpu.records().filter(({ event }) => events.includes(event)).map(({ engine, event }) => `${engine} ${event}`)

t.test('models take turns at every level, and each answers for itself', async t => {
  const gateway = await start(t, { models: { one: { sleepLevel: 1 }, two: { sleepLevel: 2 }, three: { sleepLevel: 3 } } })
  const first: Record<string, string> = {}
  for (const round of [1, 2, 3]) {
    for (const model of ['one', 'two', 'three']) {
      const content = await contentOf(await gateway.chat(model, 'the same question', { temperature: 0 }))
      t.match(content, `served=${model} engine=${model} asked=${model}] the same question`)
      t.equal(content, first[model] ??= content, `${model} says the same in round ${round}`)
    }
  }
  t.match(statusOf(gateway, 'one'), { state: 'asleep', level: 1 })
  t.match(statusOf(gateway, 'two'), { state: 'asleep', level: 2 })
  await gateway.chat('one', 'x')
  t.equal(statusOf(gateway, 'three').state, 'stopped')
  t.equal(eventsOf(gateway, 'started').filter(line => line === 'three started').length, 3)
  t.same(eventsOf(gateway, 'reloaded'), ['two reloaded', 'two reloaded'])
  t.notOk(gateway.gpu.records().some(({ event, state }) => event === 'request' && state !== 'awake'), 'nothing was sent to a sleeper')
})

t.test('sleep mode can be simulated, or left out', async t => {
  const gateway = await start(t, { models: { simulated: { sleepMode: 'simulated' }, without: { sleepMode: false, sleepLevel: 3 } }, mock: { memory: 1_000, residue: 1_000 } })
  for (const model of ['simulated', 'without', 'simulated', 'without']) t.match(await contentOf(await gateway.chat(model, 'x')), `engine=${model}`)
  t.match(statusOf(gateway, 'simulated'), { state: 'asleep', level: 1 })
  t.equal(eventsOf(gateway, 'started').length, 3, 'what cannot sleep is stopped')
  await gateway.app.llmux.sleep('without', { level: 1 })
  t.equal(statusOf(gateway, 'without').state, 'stopped', 'whatever it is asked for')
  for (const name of ['simulated', 'without']) t.notMatch(statusOf(gateway, name).lastLines.join('\n'), 'enable_sleep_mode')
})

t.test('preload starts models in the background, one after the other', async t => {
  const log = collectLog()
  const gateway = await start(t, {
    models: { a: { preload: true }, later: {}, broken: { preload: true, args: ['--mock-fault', 'start=exit@3/10'] }, b: { preload: true } },
    mock: { 'start-ms': 200 },
    server: { logger: { level: 'error', stream: log.stream } }
  })
  t.equal(gateway.app.llmux.status().models.filter(({ state }) => state === 'awake').length, 0, 'the server listens before they are awake')
  await until('the last one is awake', () => statusOf(gateway, 'b').state === 'awake')
  t.same(gateway.app.llmux.status().models.map(({ name, state }) => `${name} ${state}`), ['a asleep', 'later stopped', 'broken failed', 'b awake'])
  t.ok(log.lines.some(({ msg, model }) => msg === 'preload of broken failed' && model === 'broken'))
  t.match(await contentOf(await gateway.chat('a', 'x')), 'engine=a')
})

t.test('a request comes before what is still to be preloaded', async t => {
  const gateway = await start(t, { models: { a: { preload: true }, b: {} } })
  t.match(await contentOf(await gateway.chat('a', 'x')), 'engine=a')
  t.equal(eventsOf(gateway, 'started').length, 1, 'it shares the start that is under way')
})

t.test('warm-up: one token after each start and wake, before the first user', async t => {
  const gateway = await start(t, { models: { a: { warmup: true }, b: {} } })
  const paths = () => gateway.gpu.records().filter(({ event, engine }) => event === 'request' && engine === 'a').map(({ path }) => path)
  await gateway.chat('a', 'x')
  t.same(paths(), ['/v1/completions', '/v1/chat/completions'])
  await gateway.chat('b', 'x')
  await gateway.chat('a', 'x')
  t.same(paths().slice(2), ['/v1/completions', '/v1/chat/completions'], 'after a wake as well')
  const [warmUp] = await requestsSeenBy(gateway, 'a')
  t.match(JSON.parse(String(warmUp!.body)), { model: 'a', max_tokens: 1 })
})

t.test('no more than maxConcurrency requests of a model run at once, and the others wait their turn', async t => {
  const gateway = await start(t, { models: { a: { maxConcurrency: 2 } }, mock: { 'token-ms': 5 } })
  const order: number[] = []
  let most = 0
  gateway.app.llmux.events.on('request', ({ to }) => { if (to === 'granted') most = Math.max(most, statusOf(gateway, 'a').inFlight) })
  await gateway.app.llmux.switchTo('a')
  const requests: Array<Promise<unknown>> = []
  for (const index of [0, 1, 2, 3, 4]) {
    requests.push(gateway.chat('a', `${index}`, { max_tokens: 10 }).then(async answer => { await answer.text(); order.push(index) }))
    await until('it has arrived', () => { const { inFlight, waiting } = statusOf(gateway, 'a'); return inFlight + waiting + order.length > index })
  }
  await Promise.all(requests)
  t.equal(most, 2)
  const asked = gateway.gpu.records().filter(({ event }) => event === 'request').map(({ prompt }) => prompt)
  t.same(asked, ['0', '1', '2', '3', '4'], 'in the order of their arrival')
})

t.test('an engine listens on its port of 127.0.0.1, or on a socket that nobody else can reach', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const before = process.env.XDG_RUNTIME_DIR
  process.env.XDG_RUNTIME_DIR = directory
  t.teardown(() => { before === undefined ? delete process.env.XDG_RUNTIME_DIR : process.env.XDG_RUNTIME_DIR = before })
  const port = await freePort()
  const gateway = await startGateway({ models: { tcp: { port }, 'org/with a name/that: would not do': {} }, mock: { memory: 1_000 } })
  t.match(await contentOf(await gateway.chat('tcp', 'x')), 'engine=tcp')
  t.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200)
  await t.rejects(fetch(`http://127.0.0.2:${port}/health`), 'on no other address')
  t.match(await contentOf(await gateway.chat('org/with a name/that: would not do', 'x')), 'engine=org/with a name')
  for (const name of readdirSync(directory)) t.equal(statSync(join(directory, name)).mode & 0o777, 0o700, name)
  const sockets = readdirSync(directory, { recursive: true }).map(String).filter(name => name.endsWith('.sock'))
  t.match(sockets, [/^llmux-\w+\/[0-9a-f]+\.sock$/])
  t.match(await contentOf(await gateway.chat('tcp', 'x')), 'engine=tcp', 'and back')
  await gateway.close()
  t.same(readdirSync(directory, { recursive: true }).map(String).filter(name => /\.(sock|json)$/.test(name)), [], 'nothing of it is left')
})

t.test('a port that somebody else has is found out before anybody is put to sleep for it', async t => {
  const stranger = createServer().listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => stranger.close())
  const { port } = stranger.address() as { port: number }
  const gateway = await start(t, { models: { a: {}, b: { port } } })
  await gateway.chat('a', 'x')
  const answer = await gateway.chat('b', 'x')
  t.equal(answer.status, 503)
  t.match(await answer.json(), { error: { code: 'LLMUX_ERR_NOT_STARTABLE', message: new RegExp(`port ${port} is taken`) } })
  t.same(eventsOf(gateway, 'slept'), [])
})

t.test('what an engine writes is logged with its model and stream', async t => {
  const log = collectLog()
  const gateway = await start(t, { models: { a: { args: ['--mock-color'] } }, engineLogLevel: 'info', server: { logger: { level: 'info', stream: log.stream } } })
  await gateway.chat('a', 'x')
  const lines = log.lines.filter(({ stream }) => stream !== undefined)
  t.ok(lines.length > 5)
  for (const { model, stream, msg } of lines) {
    if (model !== 'a' || !['stdout', 'stderr'].includes(stream) || msg.includes('\u001b') || msg.includes('\r')) t.fail(JSON.stringify({ model, stream, msg }))
  }
  t.ok(lines.some(({ msg }) => msg.includes('Application startup complete')))
})

/** Somebody kills one process, or all, of an engine's group. */
function kill (gateway: TestGateway, model: string, who: 'all' | 'core' | 'api', signal: NodeJS.Signals = 'SIGKILL'): void {
  const { pid } = statusOf(gateway, model)
  if (who === 'all') process.kill(-pid!, signal)
  else if (who === 'api') process.kill(pid!, signal)
  else process.kill(groupMembers(pid!).find(({ name }) => name.startsWith('VLLM::EngineCor'))!.pid, signal)
}

for (const who of ['all', 'api', 'core'] as const) {
  t.test(`an engine of which somebody has killed ${who} is started again by the next request`, async t => {
    const gateway = await start(t, { mock: { memory: 1_000 } })
    await gateway.chat('a', 'x')
    const { pid } = statusOf(gateway, 'a')
    const lost = nextEvent(gateway.app.llmux.events, 'engine', ({ to }) => to === 'failed')
    kill(gateway, 'a', who)
    await lost
    await until('nobody of it is left', () => groupMembers(pid!).length === 0)
    t.match(await contentOf(await gateway.chat('a', 'y')), 'engine=a')
    t.not(statusOf(gateway, 'a').pid, pid)
    await nobodyServed(gateway)
  })

  t.test(`a request that finds an engine of which ${who} was just killed is served all the same`, async t => {
    const gateway = await start(t, { mock: { memory: 1_000 } })
    await gateway.chat('a', 'x')
    kill(gateway, 'a', who)
    const answers = await Promise.all([gateway.chat('a', 'y'), gateway.chat('a', 'z')])
    for (const answer of answers) t.match(await contentOf(answer), 'engine=a')
    await nobodyServed(gateway)
  })

  t.test(`a sleeper of which somebody has killed ${who} is started again when it is its turn`, async t => {
    const gateway = await start(t, { mock: { memory: 1_000 } })
    await gateway.chat('a', 'x')
    await gateway.chat('b', 'x')
    const { pid } = statusOf(gateway, 'a')
    kill(gateway, 'a', who)
    t.match(await contentOf(await gateway.chat('a', 'y')), 'engine=a')
    t.not(statusOf(gateway, 'a').pid, pid)
    t.match(await contentOf(await gateway.chat('b', 'y')), 'engine=b')
  })
}

t.test('an engine that dies again and again is not started forever', async t => {
  const gateway = await start(t, { mock: { memory: 1_000 } })
  gateway.gpu.setFaults('a', { request: 'api-die' })
  const answer = await gateway.chat('a', 'x')
  t.equal(answer.status, 502)
  t.match(await answer.json(), { error: { code: 'LLMUX_ERR_ENGINE_DIED' } })
  // The first, one for the request sent again, and one for it alone.
  t.ok(eventsOf(gateway, 'started').length <= 3)
  gateway.gpu.setFaults('a', {})
  t.equal((await gateway.chat('a', 'x')).status, 200)
})
