import t from 'tap'
import type { Test } from 'tap'
import type { EngineChange } from '../../lib/index.ts'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { startGateway } from '../helpers/gateway.ts'
import type { TestGateway } from '../helpers/gateway.ts'
import { nextEvent, statusOf } from '../helpers/gateway-view.ts'

/** A gateway whose engines' memory comes back a good while after their end, and what its engines do. */
async function setUp (t: { teardown: (end: () => unknown) => unknown }, options: Parameters<typeof startGateway>[0]) {
  const gateway = await startGateway({ mock: { 'memory-lag': 700 }, ...options })
  t.teardown(() => gateway.close())
  const changes: EngineChange[] = []
  gateway.app.llmux.events.on('engine', change => changes.push(change))
  return { gateway, changes }
}

async function kill ({ app }: TestGateway, model: string): Promise<void> {
  const group = statusOf({ app }, model).pid!
  process.kill(-group, 'SIGKILL')
  await until('the group is gone', () => groupMembers(group).length === 0)
}

const starts = ({ gpu }: TestGateway) => gpu.records().filter(({ event }) => event === 'starting').length
const failedStarts = ({ gpu }: TestGateway) => gpu.records().filter(({ event }) => event === 'start-failed')

t.test('an engine that was killed is started again when its memory is back, not before', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a'] })
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  await kill(gateway, 'a')
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.same(failedStarts(gateway), [])
  t.equal(starts(gateway), 2)
  t.ok(changes.at(-1)!.memory! > 0, 'the event says how long it took')
})

t.test('a neighbour that starts or wakes waits for the memory of one that was killed', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a', 'b'] })
  await gateway.chat('b', 'hello')
  for (const wish of ['wakes', 'starts']) {
    await gateway.chat('a', 'hello')
    if (wish === 'starts') await gateway.app.llmux.stop('b')
    await kill(gateway, 'a')
    t.equal((await gateway.chat('b', 'hello')).status, 200, wish)
    t.ok(changes.at(-1)!.memory! > 0, 'the event says how long it took')
  }
  t.same(gateway.gpu.records().filter(({ event }) => /failed/.test(event)), [])
})

t.test('without a command it goes by the end of the processes', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a'], mock: { 'memory-lag': 0 }, gpuMemoryCommand: false })
  await gateway.chat('a', 'hello')
  await kill(gateway, 'a')
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.notOk('memory' in changes.at(-1)!)
})

t.test('a command that fails is a warning, and nothing is waited for', async t => {
  const { gateway } = await setUp(t, { models: ['a'], gpuMemoryCommand: ['/bin/sh', '-c', 'echo no driver >&2; exit 9'] })
  const warning = nextEvent(gateway.app.llmux.events, 'warning', () => true)
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.match(await warning, { model: 'a', error: { code: 'LLMUX_ERR_MEMORY_COMMAND', message: /no driver/ } })
})

/** `b` sleeps and has said what it needs; `a` is awake. */
async function setUpSwitch (t: Test, options: Partial<Parameters<typeof startGateway>[0]> = {}) {
  const setup = await setUp(t, { models: { a: {}, b: { args: ['--mock-memory', '17000'] } }, mock: { memory: 16_000, residue: 800 }, timeouts: { memory: 1_500 }, ...options })
  for (const model of ['b', 'a', 'b', 'a']) t.equal((await setup.gateway.chat(model, 'x')).status, 200)
  return setup
}

t.test('a wake that would not find its memory is not tried: 503 says who has it, the sleeper stays whole, the old model comes back', async t => {
  const { gateway } = await setUpSwitch(t)
  const { pid } = statusOf(gateway, 'b')
  const release = gateway.gpu.hold(7_500)
  const back = nextEvent(gateway.app.llmux.events, 'engine', change => change.model === 'a' && change.to === 'awake')
  const answer = await gateway.chat('b', 'x')
  t.equal(answer.status, 503)
  t.ok(Number(answer.headers.get('retry-after')) > 0)
  const { error } = await answer.json() as any
  t.equal(error.code, 'LLMUX_ERR_GPU_MEMORY')
  t.match(error.message, new RegExp(`model \`b\` needs 16\\d\\d\\d MiB of GPU memory, and 15\\d\\d\\d MiB are free: process ${process.pid} \\(notebook\\) holds 7500 MiB of GPU 0`))
  t.match(statusOf(gateway, 'b'), { state: 'asleep', pid })
  await back
  t.equal((await gateway.chat('a', 'x')).status, 200, 'the old model serves again')
  release()
  await gateway.app.llmux.switchTo('b')
  t.equal((await gateway.chat('b', 'x')).status, 200)
  t.equal(statusOf(gateway, 'b').pid, pid, 'by the same processes')
  t.notOk(gateway.gpu.records().some(({ event }) => event === 'wake-failed'))
})

t.test('requests that are frozen stay so when the wake is refused, and go on when the other process has gone', async t => {
  const { gateway } = await setUpSwitch(t)
  await gateway.app.llmux.switchTo('b')
  const { pid } = statusOf(gateway, 'b')
  const answer = gateway.chat('b', 'x', { max_tokens: 3_000 })
  await until('it is in flight', () => statusOf(gateway, 'b').inFlight === 1)
  gateway.app.llmux.pause({ what: 'switching' })
  await gateway.app.llmux.switchTo('a')
  t.equal(statusOf(gateway, 'b').frozen, 1)
  const release = gateway.gpu.hold(7_500)
  const refused = nextEvent(gateway.app.llmux.events, 'warning', ({ error }) => (error as any).code === 'LLMUX_ERR_GPU_MEMORY')
  gateway.app.llmux.resume()
  await refused
  await until('the switch is over', () => gateway.app.llmux.status().transitions.length === 0)
  t.match(statusOf(gateway, 'b'), { frozen: 1, state: 'asleep', pid })
  release()
  const { status, body } = await answer.then(async answer => ({ status: answer.status, body: await answer.json() as any }))
  t.equal(status, 200)
  t.equal(body.choices[0].finish_reason, 'length')
  t.equal(body.usage.completion_tokens, 3_000)
})

for (const phase of ['checking', 'draining', 'evicting', 'waking']) {
  t.test(`another process takes the memory while a switch is ${phase}: 503 says so, and both models serve when it has gone`, async t => {
    const { gateway } = await setUpSwitch(t)
    const { llmux } = gateway.app
    let release: (() => void) | undefined
    llmux.events.on('transition', ({ to, wake }) => { if (to === phase && wake === 'b') release ??= gateway.gpu.hold(7_500) })
    const answer = await gateway.chat('b', 'x')
    t.equal(answer.status, 503)
    // A wake that has begun is past looking. It fails, and the new start finds too little.
    t.match((await answer.json() as any).error.message, phase === 'waking' ? /notebook|too little GPU memory/ : /notebook/)
    t.equal((await gateway.chat('a', 'x')).status, 200, 'the other model serves meanwhile')
    release!()
    await llmux.switchTo('b')
    for (const model of ['b', 'a', 'b']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
    t.ok(gateway.gpu.records().filter(({ event }) => event === 'wake-failed').length <= 1, 'no engine is woken twice in vain')
  })
}

t.test('a wake waits for another process that ends in time', async t => {
  const { gateway } = await setUpSwitch(t, { timeouts: { memory: 30_000 } })
  const release = gateway.gpu.hold(7_500)
  const slept = nextEvent(gateway.app.llmux.events, 'engine', change => change.model === 'a' && change.to === 'asleep')
  const answer = gateway.chat('b', 'x')
  await slept
  release()
  t.equal((await answer).status, 200)
  t.notOk(gateway.gpu.records().some(({ event }) => event === 'wake-failed'))
})

t.test('a wake that fails all the same ends the engine at once, and the request is served by a new one', async t => {
  const { gateway } = await setUpSwitch(t, { gpuMemoryCommand: false, timeouts: {} })
  const { pid } = statusOf(gateway, 'b')
  const release = gateway.gpu.hold(7_500)
  gateway.app.llmux.events.on('warning', ({ error }) => { if ((error as any).code === 'LLMUX_ERR_WAKE_FAILED') release() })
  t.equal((await gateway.chat('b', 'x')).status, 200)
  t.not(statusOf(gateway, 'b').pid, pid)
  t.equal(gateway.gpu.records().filter(({ event }) => event === 'wake-failed').length, 1, 'there is no second try')
})

t.test('a start that would not find its memory is not tried, and says who has it', async t => {
  const { gateway } = await setUp(t, { models: { a: { args: ['--gpu-memory-utilization', '0.9'] } }, timeouts: { memory: 1_500 } })
  const release = gateway.gpu.hold(7_500)
  const answer = await gateway.chat('a', 'x')
  t.equal(answer.status, 503)
  t.match((await answer.json() as any).error, { code: 'LLMUX_ERR_GPU_MEMORY', message: /notebook/ })
  t.equal(starts(gateway), 0)
  release()
  await gateway.app.llmux.switchTo('a')
  t.equal((await gateway.chat('a', 'x')).status, 200)
})

t.test('more models than sleepers fit on a GPU are served: who has slept longest makes room for a start', async t => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const { gateway } = await setUp(t, { models: Object.fromEntries(names.map(name => [name, { args: ['--gpu-memory-utilization', '0.9'] }])), mock: { residue: 600, 'memory-lag': 10 } })
  for (const name of [...names, ...names]) t.equal((await gateway.chat(name, 'x')).status, 200, name)
  t.same(failedStarts(gateway), [])
})

t.test('five models share a budget of host memory for two sleepers: the least needed is stopped, and all are served', async t => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const mebibyte = 1024 ** 2
  const models = Object.fromEntries(names.map(name => [name, { args: ['--mock-memory', '500', '--mock-residue', '50', '--mock-host-memory', '300', '--gpu-memory-utilization', '0.5'] }]))
  const { gateway, changes } = await setUp(t, { models, hostMemory: 1_150 * mebibyte, mock: { 'memory-lag': 10 } })
  const { llmux } = gateway.app
  const most = { asleep: 0, held: 0 }
  llmux.events.on('engine', ({ to }) => {
    if (to !== 'asleep') return
    const sleepers = llmux.status().models.filter(({ state }) => state === 'asleep')
    most.asleep = Math.max(most.asleep, sleepers.length)
    most.held = Math.max(most.held, sleepers.reduce((sum, { hostMemory = 0 }) => sum + hostMemory, 0))
  })
  for (const name of [...names, ...names]) t.equal((await gateway.chat(name, 'x')).status, 200, name)
  t.equal(most.asleep, 2)
  t.ok(most.held < 1_150 * mebibyte, `${Math.round(most.held / mebibyte)} MiB`)
  t.ok(changes.some(({ to, reason }) => to === 'stopping' && reason === 'host memory is short'))
  t.equal(llmux.status().hostMemoryLimit, 1_150 * mebibyte)
  t.ok(statusOf(gateway, 'd').hostMemory! > 300 * mebibyte, 'the status says what each holds')
  t.match(statusOf(gateway, 'd').lastSleep!, { freed: Number, kept: Number, sleepTime: Number })
})
