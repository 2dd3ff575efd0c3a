import t, { type Test } from 'tap'
import type { EngineState, LlmuxOptions, ModelOptions, Warning } from '../../lib/index.ts'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { nobodyServed, statusOf } from '../helpers/gateway-view.ts'
import { startGateway, type TestGateway } from '../helpers/gateway.ts'

// Much of it is real processes starting, and the machine may be busy.
t.setTimeout(600_000)

// While one engine waits for a limit to pass, others can go on.
t.jobs = 2

// Engine `a` has a worker beside its core, and meets with something; `b` is its neighbour on the GPU.

/** What became of a request. */
interface Outcome {
  status: number
  /** Of our error, if it was one. */
  code: string | undefined
  text: string
  /** The body broke off. */
  broken: boolean
  retryAfter: string | null
}

interface Case {
  name: string
  a?: ModelOptions
  timeouts?: LlmuxOptions['timeouts']
  /** Of `a`, for its first start. */
  faults?: Record<string, string>
  /** Brings `a` to where it is to be hit; the requests that are under way then. */
  arrange: (gateway: TestGateway) => Promise<Array<Promise<Outcome>>>
  /** What happens to it. */
  strike?: (gateway: TestGateway) => Promise<unknown>
  /** What must become of the requests under way. */
  outcomes: Array<Partial<Record<keyof Outcome, unknown>>>
  /** Codes of the warnings there must be, whatever others there are. */
  warnings?: string[]
  /** Whether `a` is still the same process afterwards. */
  survives?: boolean
  /** Whether the server has been closed. */
  closed?: boolean
}

async function outcome (asked: Promise<Response>): Promise<Outcome> {
  const answer = await asked
  let text = ''
  let broken = false
  try {
    for await (const chunk of answer.body!) text += Buffer.from(chunk as Uint8Array).toString()
  } catch {
    broken = true
  }
  const code = answer.status === 200 ? /"code":"(\w+)"/.exec(text)?.[1] : JSON.parse(text).error.code
  return { status: answer.status, code, text, broken, retryAfter: answer.headers.get('retry-after') }
}

const ask = (gateway: TestGateway, model: string, more?: object, headers?: Record<string, string>) =>
  outcome(gateway.chat(model, 'hello', more, headers && { headers }))

const reaches = (gateway: TestGateway, state: EngineState) => until(`a is ${state}`, () => statusOf(gateway, 'a').state === state, 60_000)

type Role = 'API process' | 'EngineCore' | 'worker'

/** The processes of `a`, by what they are. */
async function pidOf (gateway: TestGateway, role: Role): Promise<number> {
  return await until(`the ${role} is there`, () => {
    const group = statusOf(gateway, 'a').pid
    if (group === undefined || role === 'API process') return group
    return groupMembers(group).find(({ name }) => name.startsWith(role === 'worker' ? 'VLLM::Worker' : 'VLLM::EngineCor'))?.pid
  }, 60_000)
}

const strike = (role: Role, signal: NodeJS.Signals = 'SIGKILL') => async (gateway: TestGateway) => process.kill(await pidOf(gateway, role), signal)

/** Has the next such thing that `a` is asked for go wrong in this life. */
async function plan (gateway: TestGateway, faults: Record<string, string>): Promise<void> {
  const lease = await gateway.app.llmux.acquire('a')
  try {
    const answer = await lease.fetch('/mock/faults', { method: 'POST', body: JSON.stringify(faults) })
    if (answer.status !== 200) throw new Error(await answer.text())
  } finally {
    lease.release()
  }
}

// Where it can be hit.

async function starting (gateway: TestGateway) {
  const asked = ask(gateway, 'a')
  await pidOf(gateway, 'worker')
  return [asked]
}

async function idle (gateway: TestGateway) {
  await ask(gateway, 'a')
  return []
}

/** A stream that has begun, and a request without a byte. `a` is awake. */
async function begin (gateway: TestGateway, tokens = 100_000) {
  const arrived = () => gateway.gpu.records().filter(({ event }) => event === 'request').length
  const before = arrived()
  const stream = gateway.chat('a', 'hello', { stream: true, max_tokens: tokens }, { headers: { 'x-mock-token-ms': '20' } })
  await stream
  const silent = ask(gateway, 'a', { max_tokens: 3 }, { 'x-mock-prompt-ms': '1000' })
  await until('both are on their way', () => statusOf(gateway, 'a').inFlight === 2)
  await until('both have arrived', () => arrived() === before + 2)
  return [outcome(stream), silent]
}

async function busy (gateway: TestGateway) {
  await ask(gateway, 'a')
  return await begin(gateway)
}

/** Both of them frozen, if nothing goes wrong with that, and to stay so until `thaw`. */
const frozen = (faults?: Record<string, string>, tokens?: number) => async (gateway: TestGateway) => {
  for (const model of ['b', 'a']) await ask(gateway, model)
  if (faults !== undefined) await plan(gateway, faults)
  const asked = await begin(gateway, tokens)
  gateway.app.llmux.pause({ what: 'switching' })
  await gateway.app.llmux.switchTo('b')
  return asked
}

/** What happens to them meanwhile, if anything does, and then they are to go on. */
const thaw = (meanwhile?: (gateway: TestGateway) => Promise<unknown>) => async (gateway: TestGateway) => {
  if (meanwhile !== undefined) {
    const { frozen } = statusOf(gateway, 'a')
    if (frozen !== 2) throw new Error(`${frozen} requests are frozen, not 2`)
    await meanwhile(gateway)
  }
  gateway.app.llmux.resume()
}

/** On its way to sleep, and to stay there until it is hit. */
const goingToSleep = (fault = 'slow@60000*1') => async (gateway: TestGateway) => {
  await ask(gateway, 'a')
  await plan(gateway, { sleep: fault })
  const asked = ask(gateway, 'b')
  await reaches(gateway, 'sleeping')
  return [asked]
}

async function asleep (gateway: TestGateway) {
  for (const model of ['a', 'b']) await ask(gateway, model)
  await reaches(gateway, 'asleep')
  return []
}

/** On its way up, with something in its way. */
const waking = (faults: Record<string, string> = { wake: 'slow@60000*1' }) => async (gateway: TestGateway) => {
  await ask(gateway, 'a')
  await plan(gateway, faults)
  await ask(gateway, 'b')
  const asked = ask(gateway, 'a')
  await reaches(gateway, 'waking')
  return [asked]
}

const whole = { status: 200, broken: false, code: undefined }
const died = { status: 503, code: 'LLMUX_ERR_PROCESS_DIED', retryAfter: '1' }
const cut = { status: 200, broken: true, code: 'engine_died' }

const roles: Role[] = ['API process', 'EngineCore', 'worker']

const deaths: Case[] = roles.flatMap(role => [
  { name: 'starting', faults: { start: 'slow@60000*1' }, arrange: starting, outcomes: [died] },
  { name: 'awake and idle', arrange: idle, outcomes: [] },
  { name: 'awake and busy', arrange: busy, outcomes: [cut, whole] },
  { name: 'going to sleep', arrange: goingToSleep(), outcomes: [whole], warnings: [] },
  { name: 'asleep', arrange: asleep, outcomes: [] },
  { name: 'waking', arrange: waking(), outcomes: [whole], warnings: [] }
].map(where => ({ ...where, name: `the ${role} is killed while the engine is ${where.name}`, strike: strike(role) })))

const level2 = { sleepLevel: 2 } as const

const failures: Case[] = [
  { name: 'a start that ends with an exit code', faults: { start: 'exit@7/50*1' }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [{ ...died, text: /exit code 7"/ }] },
  { name: 'a start whose core dies by itself', faults: { start: 'die@50*1' }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [died] },
  {
    name: 'a start that hangs',
    faults: { start: 'hang*1' },
    a: { timeouts: { start: 6_000 } },
    arrange: starting,
    outcomes: [{ status: 503, code: 'LLMUX_ERR_START_TIMEOUT', retryAfter: '1' }]
  },
  { name: 'a health probe that hangs', faults: { health: 'hang*1' }, timeouts: { health: 1_000 }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [whole], warnings: ['LLMUX_ERR_HEALTH_TIMEOUT'] },
  { name: 'a sleep that hangs', timeouts: { sleep: 1_500 }, arrange: goingToSleep('hang*1'), outcomes: [whole], warnings: ['LLMUX_ERR_SLEEP_TIMEOUT'] },
  { name: 'a sleep that is refused', arrange: goingToSleep('500*1'), outcomes: [whole], warnings: ['LLMUX_ERR_SLEEP_FAILED'] },
  { name: 'a wake that hangs', timeouts: { wake: 1_500 }, arrange: waking({ wake: 'hang*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] },
  { name: 'a wake that is refused once', arrange: waking({ wake: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a wake that is refused for ever', arrange: waking({ wake: '500' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a wake without enough memory', arrange: waking({ wake: 'oom' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a core that crashes as it wakes', arrange: waking({ wake: 'crash@20' }), outcomes: [whole] },
  { name: 'a reload that hangs', a: level2, timeouts: { reload: 1_500 }, arrange: waking({ reload: 'hang*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_RELOAD_TIMEOUT'] },
  { name: 'a reload that is refused once', a: level2, arrange: waking({ reload: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a reload that is refused for ever', a: level2, arrange: waking({ reload: '500' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a prefix cache that cannot be reset', a: level2, arrange: waking({ reset: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'], survives: true },
  {
    name: 'a prefix cache that hangs, and with it the core',
    a: level2,
    timeouts: { resetPrefixCache: 500, sleep: 2_000 },
    arrange: waking({ reset: 'hang*1' }),
    outcomes: [whole],
    warnings: ['LLMUX_ERR_RESET_PREFIX_CACHE_TIMEOUT', 'LLMUX_ERR_SLEEP_TIMEOUT']
  },
  ...(['EngineCore', 'API process'] as const).flatMap(role => [
    {
      name: `an ${role} that is stopped while requests wait on it`,
      timeouts: { wedged: 1_500, health: 400, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await ask(gateway, 'a')
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'a')]
      },
      outcomes: [whole]
    },
    {
      name: `an ${role} that is stopped while nobody needs it, and is to go to sleep`,
      timeouts: { sleep: 1_000, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await ask(gateway, 'a')
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'b')]
      },
      outcomes: [whole],
      warnings: ['LLMUX_ERR_SLEEP_TIMEOUT', 'LLMUX_ERR_STOP_TIMEOUT']
    },
    {
      name: `an ${role} that is stopped while it sleeps`,
      timeouts: { wake: 1_000, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await asleep(gateway)
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'a')]
      },
      outcomes: [whole],
      warnings: ['LLMUX_ERR_WAKE_TIMEOUT']
    }
  ])
]

const stop = { stop: 1_000 }

const frozenOnes: Case[] = [
  ...roles.map(role => ({ name: `the ${role} is killed while requests are frozen`, arrange: frozen(), strike: thaw(strike(role)), outcomes: [cut, whole] })),
  ...(['EngineCore', 'API process'] as const).map(role => (
    { name: `an ${role} that is stopped while requests are frozen`, timeouts: { wake: 1_000, ...stop }, arrange: frozen(), strike: thaw(strike(role, 'SIGSTOP')), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] }
  )),
  { name: 'a freeze that is refused', arrange: frozen({ sleep: '500*1' }), strike: thaw(), outcomes: [cut, whole], warnings: ['LLMUX_ERR_SLEEP_FAILED'] },
  { name: 'a freeze that hangs', timeouts: { sleep: 1_500, ...stop }, arrange: frozen({ sleep: 'hang*1' }), strike: thaw(), outcomes: [cut, whole], warnings: ['LLMUX_ERR_SLEEP_TIMEOUT'] },
  { name: 'a thaw that is refused for ever', arrange: frozen({ wake: '500' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a thaw that hangs', timeouts: { wake: 1_500 }, arrange: frozen({ wake: 'hang*1' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] },
  { name: 'a thaw without enough memory', arrange: frozen({ wake: 'oom' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a core that crashes as it thaws', arrange: frozen({ wake: 'crash@20' }), strike: thaw(async () => {}), outcomes: [cut, whole] },
  { name: 'a thaw whose reload is refused for ever', a: level2, arrange: frozen({ reload: '500' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  {
    name: 'the server is closed while requests are frozen',
    arrange: frozen(),
    strike: async gateway => { await gateway.app.close() },
    outcomes: [{ status: 200, broken: true, code: 'closing' }, { status: 503, code: 'LLMUX_ERR_CLOSING' }],
    closed: true
  }
]

/** Asks until it is served: a model that has failed to start says for how long it is not tried again. */
async function served (t: Test, gateway: TestGateway, model: string): Promise<void> {
  await until(`${model} is served`, async () => {
    const { status, text, retryAfter } = await ask(gateway, model)
    if (status === 200) return text.includes(`engine=${model}`)
    t.ok(retryAfter, 'it says when to come back')
    return false
  }, 60_000)
}

for (const { name, a, timeouts = {}, faults = {}, arrange, strike, outcomes, warnings = [], survives = false, closed = false } of [...deaths, ...failures, ...frozenOnes]) {
  t.test(name, { buffered: true }, async t => {
    const groups = new Set<number>()
    const told: Warning[] = []
    const gateway = await startGateway({
      models: { a: { ...a, args: ['--mock-workers', '1'] }, b: {} },
      timeouts
    })
    const { app, gpu } = gateway
    t.teardown(() => gateway.close())
    app.llmux.events.on('engine', ({ pid }) => { if (pid !== undefined) groups.add(pid) })
    app.llmux.events.on('warning', warning => told.push(warning))
    gpu.setFaults('a', faults)

    const asked = await arrange(gateway)
    const { pid } = statusOf(gateway, 'a')
    await strike?.(gateway)

    const results = await Promise.all(asked)
    results.forEach((result, index) => t.match(result, outcomes[index]!, 'right answer'))
    t.equal(results.length, outcomes.length)
    for (const model of closed ? [] : ['a', 'b', 'a']) await served(t, gateway, model)
    await nobodyServed(gateway)
    if (closed) t.equal(statusOf(gateway, 'a').pid, undefined, 'it is ended')
    else if (survives) t.equal(statusOf(gateway, 'a').pid, pid, 'it has survived')
    else if (pid !== undefined) t.not(statusOf(gateway, 'a').pid, pid, 'it was started afresh')
    for (const code of warnings) t.ok(told.some(({ error }) => (error as { code?: string }).code === code), `there is a warning ${code}`)
    t.same(gpu.records().filter(({ event, state }) => event === 'request' && (state === 'asleep' || state === 'paused')), [], 'no request has reached a sleeper')

    await app.close()
    t.same([...groups].flatMap(group => groupMembers(group)), [], 'nobody is left')
    await until('the memory is back', async () => (await gpu.memory()).used === 0)
  })
}
