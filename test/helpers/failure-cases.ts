import type { Test } from 'tap'
import type { EngineState, LlmuxOptions, ModelOptions, Warning } from '../../lib/index.ts'
import { groupMembers, until } from './engine-process.ts'
import { nobodyServed, statusOf } from './gateway-view.ts'
import type { MockGpu } from './mock-engine.ts'
import { startGateway, type TestGateway } from './gateway.ts'

// Engine `a` has a worker beside its core, and meets with something; `b` is its neighbour on the GPU.

/** What became of a request. */
export interface Outcome {
  status: number
  /** Of our error, if it was one. */
  code: string | undefined
  text: string
  /** The body broke off. */
  broken: boolean
  retryAfter: string | null
}

export interface Case {
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

export async function outcome (asked: Promise<Response>): Promise<Outcome> {
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

export const ask = (gateway: TestGateway, model: string, more?: object, headers?: Record<string, string>) =>
  outcome(gateway.chat(model, 'hello', more, headers && { headers }))

export const reaches = (gateway: TestGateway, state: EngineState) => until(`a is ${state}`, () => statusOf(gateway, 'a').state === state, 60_000)

/** The client is the runtime's, of a container's; the init is the container's first process. */
export type Role = 'API process' | 'EngineCore' | 'worker' | 'client' | 'init'

/** The number of a process of `a`, by what it is; undefined while it is not there. */
export type Find = (gateway: TestGateway, role: Role) => number | undefined | Promise<number | undefined>

/** In the process group of the engine. */
const inGroup: Find = (gateway, role) => {
  const group = statusOf(gateway, 'a').pid
  if (group === undefined || role === 'API process') return group
  return groupMembers(group).find(({ name }) => name.startsWith(role === 'worker' ? 'VLLM::Worker' : 'VLLM::EngineCor'))?.pid
}

const pidOf = async (gateway: TestGateway, role: Role, find = inGroup) => await until(`the ${role} is there`, () => find(gateway, role), 60_000)

export const strike = (role: Role, signal: NodeJS.Signals = 'SIGKILL', find?: Find) => async (gateway: TestGateway) => process.kill(await pidOf(gateway, role, find), signal)

/** Has the next such thing that `a` is asked for go wrong in this life. */
export async function plan (gateway: TestGateway, faults: Record<string, string>): Promise<void> {
  const lease = await gateway.app.llmux.acquire('a')
  try {
    const answer = await lease.fetch('/mock/faults', { method: 'POST', body: JSON.stringify(faults) })
    if (answer.status !== 200) throw new Error(await answer.text())
  } finally {
    lease.release()
  }
}

// Where it can be hit.

export const starting = (find?: Find) => async (gateway: TestGateway) => {
  const asked = ask(gateway, 'a')
  await pidOf(gateway, 'worker', find)
  return [asked]
}

export async function idle (gateway: TestGateway) {
  await ask(gateway, 'a')
  return []
}

/** A stream that has begun, and a request without a byte. `a` is awake. */
export async function begin (gateway: TestGateway, tokens = 100_000) {
  const arrived = () => gateway.gpu.records().filter(({ event }) => event === 'request').length
  const before = arrived()
  const stream = gateway.chat('a', 'hello', { stream: true, max_tokens: tokens }, { headers: { 'x-mock-token-ms': '20' } })
  await stream
  const silent = ask(gateway, 'a', { max_tokens: 3 }, { 'x-mock-prompt-ms': '1000' })
  await until('both are on their way', () => statusOf(gateway, 'a').inFlight === 2)
  await until('both have arrived', () => arrived() === before + 2)
  return [outcome(stream), silent]
}

export async function busy (gateway: TestGateway) {
  await ask(gateway, 'a')
  return await begin(gateway)
}

/** Both of them frozen, if nothing goes wrong with that, and to stay so until `thaw`. */
export const frozen = (faults?: Record<string, string>, tokens?: number) => async (gateway: TestGateway) => {
  for (const model of ['b', 'a']) await ask(gateway, model)
  if (faults !== undefined) await plan(gateway, faults)
  const asked = await begin(gateway, tokens)
  gateway.app.llmux.pause({ what: 'switching' })
  await gateway.app.llmux.switchTo('b')
  return asked
}

/** What happens to them meanwhile, if anything does, and then they are to go on. */
export const thaw = (meanwhile?: (gateway: TestGateway) => Promise<unknown>) => async (gateway: TestGateway) => {
  if (meanwhile !== undefined) {
    const { frozen } = statusOf(gateway, 'a')
    if (frozen !== 2) throw new Error(`${frozen} requests are frozen, not 2`)
    await meanwhile(gateway)
  }
  gateway.app.llmux.resume()
}

/** On its way to sleep, and to stay there until it is hit. */
export const goingToSleep = (fault = 'slow@60000*1') => async (gateway: TestGateway) => {
  await ask(gateway, 'a')
  await plan(gateway, { sleep: fault })
  const asked = ask(gateway, 'b')
  await reaches(gateway, 'sleeping')
  return [asked]
}

export async function asleep (gateway: TestGateway) {
  for (const model of ['a', 'b']) await ask(gateway, model)
  await reaches(gateway, 'asleep')
  return []
}

/** On its way up, with something in its way. */
export const waking = (faults: Record<string, string> = { wake: 'slow@60000*1' }) => async (gateway: TestGateway) => {
  await ask(gateway, 'a')
  await plan(gateway, faults)
  await ask(gateway, 'b')
  const asked = ask(gateway, 'a')
  await reaches(gateway, 'waking')
  return [asked]
}

export const whole = { status: 200, broken: false, code: undefined }
export const died = { status: 503, code: 'LLMUX_ERR_PROCESS_DIED', retryAfter: '1' }
export const cut = { status: 200, broken: true, code: 'engine_died' }

export const roles: Role[] = ['API process', 'EngineCore', 'worker']

/** Each of the processes is killed, wherever the engine is on its way. */
export const deaths = (roles: Role[], find?: Find): Case[] => roles.flatMap(role => [
  { name: 'starting', faults: { start: 'slow@60000*1' }, arrange: starting(find), outcomes: [died] },
  { name: 'awake and idle', arrange: idle, outcomes: [] },
  { name: 'awake and busy', arrange: busy, outcomes: [cut, whole] },
  { name: 'going to sleep', arrange: goingToSleep(), outcomes: [whole], warnings: [] },
  { name: 'asleep', arrange: asleep, outcomes: [] },
  { name: 'waking', arrange: waking(), outcomes: [whole], warnings: [] }
].map(where => ({ ...where, name: `the ${role} is killed while the engine is ${where.name}`, strike: strike(role, 'SIGKILL', find) })))

/** Asks until it is served: a model that has failed to start says for how long it is not tried again. */
async function served (t: Test, gateway: TestGateway, model: string): Promise<void> {
  await until(`${model} is served`, async () => {
    const { status, text, retryAfter } = await ask(gateway, model)
    if (status === 200) return text.includes(`engine=${model}`)
    t.ok(retryAfter, 'it says when to come back')
    return false
  }, 60_000)
}

/** Where the engines live. */
export interface Home {
  /** Options of both models. */
  options: ModelOptions
  gpu: MockGpu
}

/** One failure from beginning to end, and that both models are served after it, and nothing is left. */
export async function play (t: Test, { a, timeouts = {}, faults = {}, arrange, strike, outcomes, warnings = [], survives = false, closed = false }: Case, home?: Home): Promise<void> {
  const groups = new Set<number>()
  const told: Warning[] = []
  const { options = {}, gpu: own } = home ?? {}
  const gateway = await startGateway({
    ...(own && { gpu: own }),
    models: { a: { ...options, ...a, args: ['--mock-workers', '1'] }, b: options },
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
}
