import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { LlmuxOptions } from '../../lib/index.ts'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { makeGpu, mockCommand, type MockGpu } from '../helpers/mock-engine.ts'
import { Server } from '../helpers/server.ts'

// Much of it is real processes starting, and the machine may be busy.
t.setTimeout(300_000)

/** What the product promises: after this many milliseconds nothing of a killed gateway is left. */
const promise = 5_000

interface Setup {
  runtime: string
  gpu: MockGpu
  start: (changes?: { gpu?: MockGpu, args?: string[] }) => Server
}

function optionsOf (gpu: MockGpu, args: string[] = []): LlmuxOptions {
  const model = { env: { ...gpu.env }, args }
  return { models: { a: { ...model, args: ['--mock-workers', '2', ...args] }, b: model }, command: [...mockCommand], gpuMemoryCommand: [...gpu.command] }
}

/** After each test nothing may be left, whatever went wrong in it. */
function test (name: string, body: (t: Test, setup: Setup) => Promise<void>): void {
  t.test(name, async t => {
    const runtime = mkdtempSync(join(tmpdir(), 'llmux-test-'))
    const gpus = [makeGpu()]
    const servers: Server[] = []
    t.teardown(async () => {
      for (const server of servers) {
        for (const pid of [server.pid, ...server.groups]) killGroup(pid)
        await server.exited
      }
      gpus.forEach(gpu => gpu.remove())
      rmSync(runtime, { recursive: true })
    })
    const start: Setup['start'] = ({ gpu = gpus[0]!, args } = {}) => {
      if (!gpus.includes(gpu)) gpus.push(gpu)
      const server = new Server(optionsOf(gpu, args), runtime)
      servers.push(server)
      return server
    }
    await body(t, { runtime, gpu: gpus[0]!, start })
  })
}

function killGroup (group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // As it should be.
  }
}

const members = (server: Server) => [...server.groups].flatMap(group => groupMembers(group))

async function allGone (t: Test, server: Server, since: number): Promise<void> {
  await until('nobody is left', () => members(server).length === 0 && server.watcher() === undefined, 30_000)
  t.ok(performance.now() - since < promise, `all gone after ${Math.round(performance.now() - since)} ms`)
}

/** The file with the groups of a gateway. */
function ledgerOf (server: Server, runtime: string): string | undefined {
  const directory = join(runtime, `llmux-state-${process.getuid!()}`)
  const name = existsSync(directory) ? readdirSync(directory).find(name => name.startsWith(`${server.pid}-`) && name.endsWith('.json')) : undefined
  return name && join(directory, name)
}

/** Waits until each process that there is has been written down. */
async function writtenDown (server: Server, runtime: string): Promise<string> {
  return await until('all processes are written down', () => {
    const file = ledgerOf(server, runtime)
    if (file === undefined) return undefined
    const { groups } = JSON.parse(readFileSync(file, 'utf8'))
    const known = new Set(groups.flatMap(({ members }: any) => members.map(({ pid }: any) => pid)))
    const all = members(server)
    return all.length > 0 && all.every(({ pid }) => known.has(pid)) ? file : undefined
  }, 60_000)
}

/** Kills the gateway and, before it can start another, the watcher. */
async function killBoth (server: Server): Promise<void> {
  process.kill(server.pid, 'SIGSTOP')
  process.kill(server.watcher()!, 'SIGKILL')
  await server.kill()
  await until('the watcher is gone', () => server.watcher() === undefined)
}

const core = (server: Server) => members(server).filter(({ name }) => name.startsWith('VLLM'))

/** One engine awake, the other asleep. */
async function serveBoth (server: Server): Promise<void> {
  for (const model of ['b', 'a']) await server.chat(model)
}

const moments: Record<string, (server: Server) => Promise<void>> = {
  'one engine is awake and another asleep': serveBoth,
  'a stream is in flight': async server => {
    fetch(`${await server.url()}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-mock-token-ms': '100' },
      body: JSON.stringify({ model: 'a', stream: true, max_tokens: 1_000, messages: [{ role: 'user', content: 'hello' }] })
    }).then(answer => answer.text()).catch(() => {}) // it breaks, as it must
    await server.saw({ engine: 'a', to: 'awake' })
  },
  'an engine is starting': async server => {
    server.chat('a').catch(() => {}) // it breaks, as it must
    await until('its core is there', () => core(server).length > 0 || findStarting(server), 60_000)
  },
  'of an engine only the core and its workers are left': async server => {
    await serveBoth(server)
    process.kill(server.pid, 'SIGSTOP')
    for (const group of server.groups) process.kill(group, 'SIGKILL')
    await until('the API processes are gone', () => members(server).length === core(server).length)
  }
}

/** Its group is not told of before it is awake, but written down. */
function findStarting (server: Server): boolean {
  const file = ledgerOf(server, server.runtime)
  if (file === undefined) return false
  JSON.parse(readFileSync(file, 'utf8')).groups.forEach(({ id }: { id: number }) => server.groups.add(id))
  return core(server).length > 0
}

const cases = [...Object.keys(moments).map(moment => ['the gateway', moment] as const), ['the process group of the gateway', 'a stream is in flight'] as const]

for (const [whom, moment] of cases) {
  test(`${whom} is killed while ${moment}: soon nobody is left`, async (t, { gpu, start }) => {
    const server = start(moment === 'an engine is starting' ? { args: ['--mock-fault', 'start=hang'] } : {})
    await moments[moment]!(server)
    t.ok(server.watcher())
    t.not(members(server).length, 0)
    const since = performance.now()
    await server.kill(whom === 'the gateway' ? server.pid : -server.pid)
    await allGone(t, server, since)
    await until('the memory is back', async () => (await gpu.memory()).used === 0)
  })
}

test('a gateway is killed together with its watcher: the next one ends what they left, and serves', async (t, { runtime, start }) => {
  const first = start()
  await serveBoth(first)
  await writtenDown(first, runtime)
  await killBoth(first)
  t.not(members(first).length, 0, 'its engines live on')
  const second = start()
  const answer = await second.chat('b')
  t.equal(answer.status, 200)
  t.same(members(first), [])
  t.match(second.events.find(({ warning }) => warning !== undefined), { warning: 'LLMUX_ERR_ORPHANS' })
  t.equal(ledgerOf(first, runtime), undefined)
  t.equal(readdirSync(runtime).filter(name => /^llmux-\w{6}$/.test(name)).length, 1, 'only the sockets of the second are there')
})

test('also those of which only the core and its workers are left', async (t, { runtime, start }) => {
  const first = start()
  await serveBoth(first)
  await writtenDown(first, runtime)
  process.kill(first.pid, 'SIGSTOP')
  process.kill(first.watcher()!, 'SIGKILL')
  for (const group of first.groups) process.kill(group, 'SIGKILL')
  await first.kill()
  await until('the API processes are gone', () => members(first).length === core(first).length)
  t.equal(members(first).length, 4, 'two cores, two workers')
  const second = start()
  t.equal((await second.chat('a')).status, 200)
  t.same(members(first), [])
})

test('leaves another process alone that has the number of a dead engine', async (t, { runtime, start }) => {
  const first = start()
  await first.chat('b')
  const file = await writtenDown(first, runtime)
  await killBoth(first)
  const content = JSON.parse(readFileSync(file, 'utf8'))
  for (const { members } of content.groups) for (const member of members) member.startTime--
  writeFileSync(file, JSON.stringify(content))
  const before = members(first)
  const second = start({ gpu: makeGpu() })
  t.equal((await second.chat('b')).status, 200)
  t.same(members(first).map(({ pid }) => pid), before.map(({ pid }) => pid))
  t.notOk(existsSync(file))
  t.equal(second.events.find(({ warning }) => warning !== undefined), undefined)
})

test('the engines of a gateway that lives are left alone', async (t, { runtime, start }) => {
  const [first, other] = [start(), start({ gpu: makeGpu() })]
  await Promise.all([first.chat('b'), other.chat('b')])
  await writtenDown(first, runtime)
  const before = members(other).map(({ pid }) => pid)
  await killBoth(first)
  const third = start()
  t.equal((await third.chat('b')).status, 200)
  t.same(members(first), [])
  t.same(members(other).map(({ pid }) => pid), before)
  t.equal((await other.chat('b')).status, 200)
})

test('reports and removes a broken file, which hinders nothing', async (t, { runtime, start }) => {
  const first = start()
  await first.chat('b')
  const file = await writtenDown(first, runtime)
  await first.kill()
  writeFileSync(file, '{"version":1,')
  const second = start()
  t.equal((await second.chat('b')).status, 200)
  t.match(second.events.find(({ warning }) => warning !== undefined), { warning: 'LLMUX_ERR_LEDGER' })
  t.notOk(existsSync(file))
})
