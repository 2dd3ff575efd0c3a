import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import llmux, { LlmuxError, ModelNotFoundError } from '../../lib/index.ts'

// fastify.llmux: what the server's own routes and hooks may ask for.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: { a: { aliases: ['alias'], adapters: ['lora'] }, b: {} }, ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const statesOf = ({ app }: TestGateway) => Object.fromEntries(app.llmux.status().models.map(({ name, state }) => [name, state]))

t.test('status tells of every model, starts nothing, and can be sent as JSON', async t => {
  const gateway = await start(t, { models: { a: { aliases: ['alias'], adapters: ['lora'] }, broken: { args: ['--mock-fault', 'start=exit@3/10'] } } })
  const { app } = gateway
  t.match(app.llmux.status(), {
    waiting: 0,
    waitingBytes: 0,
    transitions: [],
    models: [{ name: 'a', aliases: ['alias'], adapters: ['lora'], state: 'stopped', inFlight: 0, waiting: 0 }, { name: 'broken', state: 'stopped' }]
  })
  t.same(gateway.gpu.records(), [])
  await t.rejects(app.llmux.switchTo('broken'))
  await app.llmux.switchTo('a')
  const [a, broken] = JSON.parse(JSON.stringify(app.llmux.status())).models
  t.match(a, { state: 'awake', pid: Number, since: Number })
  t.match(broken, { state: 'failed', error: { code: 'LLMUX_ERR_PROCESS_DIED', message: /exit code 3/ } })
  t.match(broken.lastLines.join('\n'), /Error/)
})

t.test('a lease keeps its model awake until it is given back, and leads to its engine', async t => {
  const gateway = await start(t, { models: { a: { aliases: ['alias'], adapters: ['lora'], env: { VLLM_API_KEY: 'of-the-engine' } }, b: {} } })
  const { app } = gateway
  const lease = await app.llmux.acquire('alias')
  t.equal(lease.model, 'a')
  t.equal(statusOf(gateway, 'a').inFlight, 1)
  const other = gateway.chat('b', 'x')
  await until('b waits', () => app.llmux.status().waiting === 1)
  const answer = await lease.fetch('/v1/chat/completions', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'a', messages: [{ role: 'user', content: 'from a route' }] })
  })
  t.equal(answer.status, 200)
  t.match(await answer.json(), { choices: [{ message: { content: /engine=a .* from a route/ } }] })
  t.match(await (await lease.fetch('/v1/models')).json(), { data: [{ id: 'a' }, { id: 'alias' }] })
  t.same(statesOf(gateway), { a: 'awake', b: 'stopped' }, 'a call does not end the lease')
  lease.release()
  lease.release()
  t.match(await (await other).json(), { choices: [{ message: { content: /engine=b/ } }] })
  await t.rejects(lease.fetch('/v1/models'), { code: 'LLMUX_ERR_LEASE_ENDED' })
  await nobodyServed(gateway)
})

t.test('a stream read through a lease comes as it is made, and can be broken off', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 5 } })
  const lease = await gateway.app.llmux.acquire('a')
  const controller = new AbortController()
  const answer = await lease.fetch('/v1/completions', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"a","prompt":"x","stream":true,"max_tokens":100000}', signal: controller.signal
  })
  const chunks = answer.body![Symbol.asyncIterator]()
  t.match(Buffer.from((await chunks.next()).value!).toString(), /^data: /)
  controller.abort()
  await t.rejects(async () => { while (!(await chunks.next()).done); })
  await until('the engine has stopped', () => gateway.gpu.records().some(({ event, reason }) => event === 'aborted' && reason === 'client'))
  t.equal(statusOf(gateway, 'a').inFlight, 1, 'the lease is still there')
  lease.release()
})

t.test('who waits for a lease may give up, and leaves no trace', async t => {
  const gateway = await start(t)
  const { llmux } = gateway.app
  const gone = new Error('had enough')
  await t.rejects(llmux.acquire('a', { signal: AbortSignal.abort(gone) }), gone)
  t.same(statesOf(gateway), { a: 'stopped', b: 'stopped' }, 'nothing was started for it')
  const lease = await llmux.acquire('a')
  const controller = new AbortController()
  const waiting = llmux.acquire('b', { signal: controller.signal, bytes: 1_000 })
  t.match(llmux.status(), { waiting: 1, waitingBytes: 1_000 })
  controller.abort(gone)
  await t.rejects(waiting, gone)
  t.match(llmux.status(), { waiting: 0, waitingBytes: 0, transitions: [] })
  const { signal } = new AbortController()
  const served = await llmux.acquire('a', { signal })
  for (const each of [served, lease]) each.release()
  t.same(statesOf(gateway), { a: 'awake', b: 'stopped' })
})

t.test('a lease that is not given back in time is taken away, and says so', async t => {
  const gateway = await start(t, { freeze: false, models: { a: { timeouts: { drain: 200 } }, b: {} }, mock: { 'token-ms': 5 } })
  const lease = await gateway.app.llmux.acquire('a')
  const answer = await lease.fetch('/v1/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"a","prompt":"x","stream":true,"max_tokens":100000}' })
  const reading = answer.text().catch(error => error)
  await gateway.app.llmux.switchTo('b')
  t.ok(lease.signal.aborted)
  t.match(lease.signal.reason, { code: 'LLMUX_ERR_DRAIN_TIMEOUT' })
  t.ok(await reading instanceof Error)
  await t.rejects(lease.fetch('/v1/models'), { code: 'LLMUX_ERR_LEASE_ENDED', cause: { code: 'LLMUX_ERR_DRAIN_TIMEOUT' } })
  t.same(statesOf(gateway), { a: 'asleep', b: 'awake' })
})

t.test('switchTo starts or wakes a model, and evicts what must go', async t => {
  const gateway = await start(t)
  const { llmux } = gateway.app
  await llmux.switchTo('lora')
  t.same(statesOf(gateway), { a: 'awake', b: 'stopped' })
  await llmux.switchTo('a')
  await Promise.all([llmux.switchTo('b'), llmux.switchTo('b')])
  t.same(statesOf(gateway), { a: 'asleep', b: 'awake' })
  await llmux.switchTo('a')
  t.same(statesOf(gateway), { a: 'awake', b: 'asleep' })
  t.equal(gateway.gpu.records().filter(({ event }) => event === 'started').length, 2, 'nobody was started twice')
  const lease = await llmux.acquire('a', { freezable: false })
  const switching = llmux.switchTo('b')
  await until('it waits for the lease', () => llmux.status().transitions[0]?.phase === 'draining')
  lease.release()
  await switching
  t.same(statesOf(gateway), { a: 'asleep', b: 'awake' })
})

t.test('sleep drains, and a waiter wakes the model again', async t => {
  const gateway = await start(t, { mock: { 'token-ms': 2 } })
  const { llmux } = gateway.app
  const stream = await gateway.chat('a', 'x', { stream: true, max_tokens: 100 })
  const sleeping = llmux.sleep('alias')
  await until('it drains', () => llmux.status().transitions[0]?.phase === 'draining')
  const waiter = gateway.chat('a', 'x')
  await until('it waits', () => llmux.status().waiting === 1)
  t.match(await stream.text(), /\[DONE\]\n\n$/, 'the stream that was there ends whole')
  await sleeping
  t.equal((await waiter).status, 200)
  t.same(gateway.gpu.records().map(({ event }) => event).filter(event => ['finished', 'slept', 'woke'].includes(event)), ['finished', 'slept', 'woke', 'finished'])

  await llmux.sleep()
  t.same(statesOf(gateway), { a: 'asleep', b: 'stopped' })
  await llmux.sleep()
  await llmux.sleep('a')
  await llmux.sleep('b')
  t.same(statesOf(gateway), { a: 'asleep', b: 'stopped' }, 'a sleeper, or one that does not run, is left as it is')
  t.equal(gateway.gpu.records().filter(({ event }) => event === 'slept').length, 2)
})

t.test('sleeps at another level than the model’s own', async t => {
  const gateway = await start(t)
  const { llmux } = gateway.app
  await llmux.switchTo('a')
  await llmux.sleep('a', { level: 2 })
  t.match(statusOf(gateway, 'a'), { state: 'asleep', level: 2 })
  t.match(await (await gateway.chat('a', 'x')).json(), { choices: [{ message: { content: /engine=a/ } }] }, 'it comes back with its weights')
  await llmux.sleep(undefined, { level: 3 })
  t.same(statesOf(gateway), { a: 'stopped', b: 'stopped' })
  await llmux.switchTo('b')
  for (const level of [0, 4, 1.5, NaN, '1']) await t.rejects(llmux.sleep('b', { level: level as never }), { message: /level must be 1, 2 or 3/ })
  t.same(statesOf(gateway), { a: 'stopped', b: 'awake' }, 'a level that there is not changes nothing')
})

t.test('stop ends the processes of a model, or of all', async t => {
  const gateway = await start(t)
  const { llmux } = gateway.app
  await llmux.switchTo('a')
  await llmux.switchTo('b')
  const groups = ['a', 'b'].map(name => statusOf(gateway, name).pid!)
  const alive = (group: number) => {
    try {
      return process.kill(-group, 0)
    } catch {
      return false // ESRCH: nobody is left
    }
  }
  t.same(groups.map(alive), [true, true])
  await llmux.stop('a')
  t.same(groups.map(alive), [false, true])
  t.same(statesOf(gateway), { a: 'stopped', b: 'awake' })
  await llmux.stop()
  t.same(groups.map(alive), [false, false])
  await llmux.stop()
  t.equal((await gateway.chat('a', 'x')).status, 200, 'a request starts it again')
})

t.test('names that nobody knows are refused by each of them', async t => {
  const { app: { llmux } } = await start(t)
  for (const call of [() => llmux.acquire('nobody'), () => llmux.switchTo('nobody'), () => llmux.sleep('nobody'), () => llmux.stop('__proto__')]) {
    const error = await call().catch(error => error)
    t.ok(error instanceof ModelNotFoundError)
    t.ok(error instanceof LlmuxError)
    t.match(error, { code: 'LLMUX_ERR_MODEL_NOT_FOUND', statusCode: 404 })
  }
})

t.test('events tell every change of state, with what and why', async t => {
  const gateway = await start(t)
  const { events } = gateway.app.llmux
  const seen: string[] = []
  events.on('engine', ({ model, from, to, reason, duration, time }) => {
    seen.push(`engine ${model} ${from} → ${to}`)
    if (reason === '' || !(duration >= 0) || !(Math.abs(time - Date.now()) < 60_000)) t.fail(`${reason} ${duration} ${time}`)
  })
  events.on('transition', ({ model, from, to }) => seen.push(`transition ${model} ${from} → ${to}`))
  events.on('request', ({ model, from, to }) => seen.push(`request ${model} ${from} → ${to}`))
  await gateway.chat('a', 'x')
  await gateway.chat('alias', 'x')
  await nobodyServed(gateway)
  t.same(seen.splice(0), [
    'request a arrived → queued', 'transition a idle → draining', 'transition a draining → evicting', 'transition a evicting → waking',
    'engine a stopped → starting', 'engine a starting → awake', 'transition a waking → idle', 'request a queued → granted', 'request a granted → released',
    'request a arrived → granted', 'request a granted → released'
  ])
  const done = nextEvent(events, 'transition', ({ to }) => to === 'idle')
  await gateway.chat('b', 'x')
  t.match(await done, { model: 'b', evict: ['a'], phases: { draining: Number, evicting: Number, waking: Number }, duration: Number })
  await nobodyServed(gateway)
  t.same(seen.filter(line => line.startsWith('engine')), ['engine a awake → sleeping', 'engine a sleeping → asleep', 'engine b stopped → starting', 'engine b starting → awake'])
})

t.test('requests carry priorities, and passive ones wait for a switch', async t => {
  const gateway = await start(t, {
    models: { a: { maxConcurrency: 1 }, b: { maxConcurrency: 1 } },
    server: { requestIdHeader: 'x-request-id' },
    priority: true,
    mayCauseSwitch: request => request.headers['x-batch'] === undefined
  })
  const { llmux } = gateway.app
  const granted: unknown[] = []
  llmux.events.on('request', ({ to, request }) => { if (to === 'granted') granted.push(request) })
  const waiting = async (count: number) => await until(`${count} wait`, () => llmux.status().waiting === count)
  const ask = (model: string, id: string, headers: object = {}) => gateway.chat(model, 'x', {}, { headers: { 'x-request-id': id, ...headers } })

  const lease = await llmux.acquire('a', { request: 'first' })
  const asked = [ask('a', 'low', { 'x-llmux-priority': '-1' })]
  await waiting(1)
  asked.push(ask('a', 'no number', { 'x-llmux-priority': 'urgent' }))
  await waiting(2)
  asked.push(ask('a', 'high', { 'x-llmux-priority': '4' }))
  await waiting(3)
  asked.push(ask('b', 'batch', { 'x-batch': '1', 'x-llmux-priority': '5' }))
  await until('it waits for b', () => statusOf(gateway, 'b').passive === 1)
  lease.release()
  for (const answer of asked.slice(0, 3)) t.equal((await answer).status, 200)
  await until('a has nothing to do', () => statusOf(gateway, 'a').inFlight === 0)
  t.same(llmux.status().transitions, [], 'nobody else waits, and b is not woken for it')
  t.same(statesOf(gateway), { a: 'awake', b: 'stopped' })
  asked.push(ask('b', 'ordinary'))
  for (const answer of asked) t.equal((await answer).status, 200)
  t.same(granted, ['first', 'high', 'no number', 'low', 'ordinary', 'batch'])
})

t.test('refuses a passive request when no switch came in time, and starts nothing', async t => {
  const gateway = await start(t, { mayCauseSwitch: () => false, timeouts: { passive: 50 } })
  const answer = await gateway.chat('a', 'x')
  t.match([answer.status, await answer.json()], [504, { error: { code: 'LLMUX_ERR_PASSIVE_TIMEOUT' } }])
  t.same(gateway.gpu.records(), [])
})

t.test('what was learned is there again in the next run, and what was served and decided is recorded', async t => {
  const directory = t.testdir({})
  const path = (name: string) => join(directory, name)
  const files = { learnedFile: path('learned.json'), record: { arrivals: path('arrivals.csv'), decisions: path('decisions.jsonl') } }
  const first = await start(t, files)
  const prompts = ['a', 'b', 'a']
  for (const model of prompts) t.equal((await first.chat(model, 'x')).status, 200)
  await nobodyServed(first)
  const { costs } = first.app.llmux.status()
  t.ok(costs.wakes['b']!['a']! > 0, 'the way back was a wake')
  await first.close()

  const lines = (name: string) => readFileSync(path(name), 'utf8').trimEnd().split('\n')
  const [head, ...arrivals] = lines('arrivals.csv')
  t.equal(head, 'time_s,model,service_s,input_bytes,output_bytes')
  t.same(arrivals.map(line => line.split(',')[1]), prompts)
  for (const line of arrivals) t.ok(line.split(',').filter((_, index) => index !== 1).every(number => Number(number) >= 0), line)
  // It is asked again when the drain is over, so that each stands there more than once.
  const wakes = lines('decisions.jsonl').flatMap(line => JSON.parse(line).decision.wake ?? [])
  t.same(wakes.filter((model, index) => model !== wakes[index - 1]), prompts)

  const second = await start(t, { learnedFile: files.learnedFile })
  t.same(second.app.llmux.status().costs, costs)
})

t.test('a second registration in one server is refused, wherever it is made', async t => {
  const options = { models: { a: {} }, command: [...mockCommand], closeWithGrace: false }
  const twice = Fastify()
  twice.register(llmux, options)
  twice.register(llmux, { ...options, prefix: '/other' })
  await t.rejects(async () => { await twice.ready() }, { code: 'LLMUX_ERR_ALREADY_REGISTERED', message: /one registration/ })
  const nested = Fastify()
  nested.register(llmux, options)
  nested.register(async scope => { await scope.register(llmux, { ...options, prefix: '/other' }) })
  await t.rejects(async () => { await nested.ready() }, { code: 'LLMUX_ERR_ALREADY_REGISTERED' })
  const siblings = Fastify()
  siblings.register(async scope => { await scope.register(llmux, options) })
  siblings.register(async scope => { await scope.register(llmux, { ...options, prefix: '/other' }) })
  await t.rejects(async () => { await siblings.ready() }, { code: 'LLMUX_ERR_ALREADY_REGISTERED' })
  const [one, two] = [Fastify(), Fastify()]
  for (const app of [one, two]) await app.register(llmux, options)
  t.ok(one.llmux !== two.llmux, 'two servers have one each')
  for (const app of [twice, nested, siblings, one, two]) await app.close()
})

t.test('wrong options refuse the registration', async t => {
  const app = Fastify()
  app.register(llmux, { models: { a: { sleepLvl: 2 } } } as never)
  await t.rejects(async () => { await app.ready() }, { code: 'LLMUX_ERR_OPTIONS', message: /models\["a"\]\.sleepLvl .*sleepLevel/ })
  await app.close()
})
