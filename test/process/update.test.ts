import t from 'tap'
import type { Test } from 'tap'
import type { ModelOptions } from '../../lib/index.ts'
import { until } from '../helpers/engine-process.ts'
import { startGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nextEvent, nobodyServed, statusOf } from '../helpers/gateway-view.ts'

// Models that come, go and change while requests run, and what happens where none do.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({ models: ['a', 'b'], ...options })
  t.teardown(() => gateway.close())
  const flags = Object.entries(options.mock ?? {}).flatMap(([name, value]) => [`--mock-${name}`, String(value)])
  /** As `startGateway` makes them of names. */
  const models = (named: Record<string, ModelOptions>) => Object.fromEntries(Object.entries(named).map(([name, model]) =>
    [name, { ...model, args: [...flags, ...model.args ?? []], env: { ...gateway.gpu.env, ...model.env } }]))
  const names = async () => ((await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: Array<{ id: string }> }).data.map(({ id }) => id)
  const update = (named: Record<string, ModelOptions>) => gateway.app.llmux.update(models(named))
  const starts = (engine: string) => gateway.gpu.records().filter(record => record.event === 'started' && record.engine === engine).length
  return { ...gateway, update, names, starts, models }
}

t.test('adds, removes and changes models, and leaves the others alone', async t => {
  const gateway = await start(t, { models: ['a', 'b', 'c'] })
  const { app, chat, update, names, starts } = gateway
  for (const model of ['a', 'b']) t.equal((await chat(model, 'x')).status, 200)
  const { pid } = statusOf(gateway, 'b')
  const event = nextEvent(app.llmux.events, 'models', () => true)
  t.same(await update({ b: {}, a: { aliases: ['first'] }, d: {} }), { added: ['d'], removed: ['c'], changed: ['a'], unchanged: ['b'] })
  t.match(await event, { added: ['d'], removed: ['c'], changed: ['a'] })
  t.same(await names(), ['b', 'a', 'd', 'first'])
  t.match(statusOf(gateway, 'b'), { state: 'awake', pid })
  t.match(await (await chat('c', 'x')).json(), { error: { code: 'LLMUX_ERR_MODEL_NOT_FOUND' } })
  t.match(await (await chat('first', 'x')).json(), { choices: [{ message: { content: /engine=a asked=first/ } }] })
  t.equal(starts('a'), 2)
  t.equal((await chat('d', 'x')).status, 200)
})

t.test('a bad configuration changes nothing', async t => {
  const { app, update, names, chat, models } = await start(t, { defaultModel: 'b' })
  t.equal((await chat('a', 'x')).status, 200)
  // The rest of the status are figures that change with time.
  const engines = () => app.llmux.status().models.map(({ name, aliases, adapters, leaving, state, since, pid }) => ({ name, aliases, adapters, leaving, state, since, pid }))
  const before = engines()
  const bad: Array<[Record<string, ModelOptions>, RegExp]> = [
    [{ a: {}, c: { sleepLevel: 4 as never } }, /models\["c"\]\.sleepLevel/],
    [{ b: {}, c: { aliases: ['b'] } }, /aliases\[0\] must be a name of its own/],
    [{ a: {} }, /defaultModel/]
  ]
  for (const [models, message] of bad) await t.rejects(update(models), { code: 'LLMUX_ERR_OPTIONS', message })
  t.same(engines(), before)
  t.same(await names(), ['a', 'b'])
  t.same(await app.llmux.update(models({ a: {}, b: {} })), { added: [], removed: [], changed: [], unchanged: ['a', 'b'] })
})

t.test('an update that is taken back before its time restarts nothing', async t => {
  const { app, update, starts } = await start(t)
  const lease = await app.llmux.acquire('a')
  const first = update({ a: { warmup: true }, b: {} })
  const second = update({ a: {}, b: {} })
  lease.release()
  await Promise.all([first, second])
  t.equal(starts('a'), 1)
  t.match(app.llmux.status().models[0], { name: 'a', state: 'awake' })
})

t.test('in the middle of a storm nothing is lost', async t => {
  const mock = { 'token-ms': 2, 'start-ms': 20, 'sleep-ms': 5, 'wake-ms': 5 }
  const gateway = await start(t, { models: ['a', 'b', 'gone'], mock })
  const { app, chat, update, starts } = gateway
  const results: Array<{ model: string, status: number, whole: boolean, sent: number }> = []
  const send = async (model: string, tokens = 20) => {
    const sent = performance.now()
    const answer = await chat(model, 'x', { stream: true, max_tokens: tokens })
    const text = await answer.text()
    results.push({ model, status: answer.status, sent, whole: (text.match(/"content":"[^"]/g) ?? []).length > 0 && text.endsWith('data: [DONE]\n\n') })
  }
  const storm = { over: false }
  const clients = ['a', 'b', 'a', 'b', 'a', 'b'].map(async model => { while (!storm.over) await send(model) })
  const doomed = Array.from({ length: 6 }, () => send('gone', 100))
  await until('all kinds of requests are there', () => {
    const { models, waiting } = app.llmux.status()
    return waiting > 0 && models[2]!.waiting + models[2]!.inFlight === 6
  })
  const begun = performance.now()
  await Promise.all([
    update({ a: { maxConcurrency: 2 }, b: {}, added: {} }),
    ...Array.from({ length: 4 }, () => send('added')),
    send('gone')
  ])
  const b = starts('b')
  await update({ a: { maxConcurrency: 2 }, b: { timeouts: { drain: 300_000 }, aliases: ['b2'] }, added: {} })
  storm.over = true
  await Promise.all([...clients, ...doomed])
  await send('b2')

  const late = results.filter(({ model, sent }) => model === 'gone' && sent >= begun)
  t.same(late.map(({ status }) => status), [404], 'who comes too late is told so')
  const rest = results.filter(result => !late.includes(result))
  t.ok(rest.length > 20)
  t.same(rest.filter(({ status, whole }) => status !== 200 || !whole), [], 'every other stream is whole')
  t.equal(rest.filter(({ model }) => model === 'gone').length, 6, 'who was accepted was served')
  t.equal(starts('a'), 2, 'a was replaced')
  t.ok(starts('b') > b, 'and so was b, by the second update')
  t.same(app.llmux.status().models.map(({ name }) => name).sort(), ['a', 'added', 'b'])
  await nobodyServed(gateway)
  const { used } = await gateway.gpu.memory()
  t.ok(used < 24_576)
})

t.test('who is idle goes to sleep and is stopped later, and is there again for the next request', async t => {
  const gateway = await start(t, { models: { a: { idleTimeout: 50, idleStopTimeout: 300 }, b: {} } })
  const { app, chat } = gateway
  const asleep = nextEvent(app.llmux.events, 'engine', ({ to }) => to === 'asleep')
  t.equal((await chat('a', 'x')).status, 200)
  t.match(await asleep, { model: 'a', level: 1 })
  t.equal((await chat('a', 'x')).status, 200)
  const stopped = nextEvent(app.llmux.events, 'engine', ({ to }) => to === 'stopped')
  t.match(await stopped, { model: 'a' })
  t.equal((await chat('a', 'x')).status, 200)
})
