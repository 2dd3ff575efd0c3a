import t from 'tap'
import type { Test } from 'tap'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { request } from 'undici'

// LoRA adapters that are loaded at the first request for them.

async function start (t: Test, model: object = {}, options: Partial<TestGatewayOptions> = {}) {
  const directory = t.testdir({ sql: {}, poem: {}, chess: {} })
  const adapters = Object.fromEntries(['sql', 'poem', 'chess'].map(name => [name, `${directory}/${name}`]))
  const gateway = await startGateway({ models: { a: { adapters, maxAdapters: 2, ...model }, b: {} }, ...options })
  t.teardown(() => gateway.close())
  return gateway
}

const contentOf = async (answer: Response) => {
  const { choices, error } = await answer.json() as any
  return choices?.[0].message.content ?? error.code
}
const ask = async (gateway: TestGateway, model: string) => await contentOf(await gateway.chat(model, 'hi', { temperature: 0 }))
const loads = ({ gpu }: TestGateway) => gpu.records().flatMap(({ event, name }) => event === 'load-lora' ? [`+${name}`] : event === 'unload-lora' ? [`-${name}`] : [])

t.test('each is loaded at the first request for it, and the one that was used longest ago makes room', async t => {
  const gateway = await start(t)
  t.match(await ask(gateway, 'sql'), 'served=sql engine=a asked=sql')
  t.same(await Promise.all(Array.from({ length: 20 }, () => ask(gateway, 'poem'))), Array(20).fill(await ask(gateway, 'poem')))
  t.match(await ask(gateway, 'sql'), 'served=sql')
  t.match(await ask(gateway, 'chess'), 'served=chess')
  t.match(await ask(gateway, 'a'), 'served=a')
  t.same(loads(gateway), ['+sql', '+poem', '-poem', '+chess'])
  t.same(statusOf(gateway, 'a').loadedAdapters, ['sql', 'chess'])
  const { data } = await (await fetch(`${gateway.url}/v1/models`)).json() as { data: Array<{ id: string }> }
  t.same(data.map(({ id }) => id).sort(), ['a', 'b', 'chess', 'poem', 'sql'])
  t.equal((await gateway.post('/v1/load_lora_adapter', { lora_name: 'x', lora_path: '/etc' })).status, 404, 'clients load none')
})

// At level 2 the engine has it by name, and refuses to load it again before it is unloaded.
for (const [level, again] of [[1, []], [2, ['+sql', '-sql', '+sql']], [3, ['+sql']]] as const) {
  t.test(`after a switch at level ${level} it answers as before, ${again.length === 0 ? 'without' : 'after'} another load`, async t => {
    const gateway = await start(t, { sleepLevel: level })
    const before = await ask(gateway, 'sql')
    await ask(gateway, 'b')
    t.equal(await ask(gateway, 'sql'), before)
    t.same(loads(gateway), ['+sql', ...again])
    t.equal(statusOf(gateway, 'a').freeze, level === 1, 'level 2 would leave frozen requests without their adapter')
  })
}

t.test('an engine that dies while it loads is started again, and loads it then', async t => {
  const gateway = await start(t)
  await ask(gateway, 'a')
  const lease = await gateway.app.llmux.acquire('a')
  await lease.fetch('/mock/faults', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ lora: 'die' }) })
  lease.release()
  t.match(await ask(gateway, 'sql'), 'served=sql')
  t.same(loads(gateway), ['+sql', '+sql'])
  t.equal(gateway.gpu.records().filter(({ event }) => event === 'started').length, 2)
})

t.test('one that cannot be loaded is an error of its own, and harms no other request', async t => {
  const gateway = await start(t, { adapters: { sql: '/nowhere/sql', broken: '/' }, args: ['--mock-fault', 'lora=500*1'] })
  const refused = await gateway.chat('broken', 'hi')
  t.equal(refused.status, 503)
  const { error } = await refused.json() as any
  t.match(error, { code: 'LLMUX_ERR_ADAPTER', type: 'server_error' })
  t.notMatch(error.message, 'mock fault', 'what the engine says is for operators')
  t.equal(await ask(gateway, 'sql'), 'LLMUX_ERR_ADAPTER')
  t.match(await ask(gateway, 'broken'), 'served=broken', 'it is tried again')
  t.match(await ask(gateway, 'a'), 'served=a')
  await nobodyServed(gateway)
})

t.test('a load that hangs ends at its limit, or when its client leaves', async t => {
  const gateway = await start(t, { args: ['--mock-fault', 'lora=hang*2'], timeouts: { reload: 3_000 } })
  const leaver = new AbortController()
  const left = gateway.chat('sql', 'hi', {}, { signal: leaver.signal })
  await until('it loads', () => loads(gateway).length === 1)
  leaver.abort()
  await t.rejects(left)
  await until('its place is free', () => statusOf(gateway, 'a').inFlight === 0)
  t.equal(await ask(gateway, 'poem'), 'LLMUX_ERR_ADAPTER')
  t.match(await ask(gateway, 'poem'), 'served=poem')
})

t.test('switches amid loads neither kill the engine nor lose a request', async t => {
  const gateway = await start(t, {}, { mock: { 'token-ms': 2 } })
  await ask(gateway, 'b')
  const names = ['a', 'sql', 'poem', 'chess', 'b']
  const answers = await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    await new Promise(resolve => setTimeout(resolve, index * 10))
    const name = names[index * 7 % names.length]!
    const answer = new StreamReader(await request(`${gateway.url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: name, messages: [{ role: 'user', content: 'hi' }], stream: true, max_tokens: 30 })
    }))
    await answer.done
    return { name, answer }
  }))
  for (const { name, answer } of answers) {
    t.ok(answer.sawDone, `${name} came to its end`)
    t.match(answer.text, `"model":"${name}"`)
  }
  t.equal(gateway.gpu.records().filter(({ event }) => event === 'started').length, 2, 'no engine was started anew')
  await nobodyServed(gateway)
})

t.test('a lease of your own for an adapter loads it before its first call', async t => {
  const gateway = await start(t)
  const lease = await gateway.app.llmux.acquire('sql')
  const answer = await lease.fetch('/v1/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'sql', prompt: 'hi' }) })
  t.match(await answer.json(), { model: 'sql' })
  lease.release()
  await nobodyServed(gateway)
})
