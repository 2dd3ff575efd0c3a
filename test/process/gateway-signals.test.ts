import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import type { LlmuxOptions } from '../../lib/index.ts'
import { family, left } from '../../example-app/demo/leftovers.js'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import { startServer } from '../helpers/plain-node.ts'

// Ways in which a server's process ends: its exit code is right, and nothing of it is left.

const program = fileURLToPath(new URL('fixtures/host.js', import.meta.url))

interface Host {
  options?: Partial<LlmuxOptions>
  /** Flags of the mock. */
  args?: string[]
  /** A signal that the server itself listens for. */
  ownListener?: NodeJS.Signals
  laterPluginFails?: boolean
  /** It has close-with-grace itself, with that delay. */
  closeDelay?: number
  pluginTimeout?: number
}

function prepare (t: Test, { options = {}, args = [], ...rest }: Host) {
  const gpu = makeGpu()
  const runtime = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  t.teardown(() => {
    gpu.remove()
    rmSync(runtime, { recursive: true, force: true })
  })
  const model = { env: gpu.env, args: ['--mock-token-ms', '5', ...args] }
  const argument = JSON.stringify({ ...rest, options: { command: mockCommand, models: { a: model, b: model }, ...options } })
  return { gpu, runtime, argv: [program, argument], env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime } }
}

/** A server with one engine awake. */
async function start (t: Test, host: Host = {}) {
  const { gpu, runtime, argv, env } = prepare(t, host)
  const server = await startServer(argv, { env })
  t.teardown(() => server.stop('SIGKILL'))
  const chat = (model: string, more: object = {}) => request(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [], ...more })
  })
  t.equal((await chat('a')).statusCode, 200)
  const processes = family(server.pid)!
  t.ok(processes.length >= 3, 'a server and an engine of two processes')
  return {
    ...server,
    gpu,
    chat,
    async stream (tokens: number) {
      const reader = new StreamReader(await chat('a', { stream: true, max_tokens: tokens }))
      await until('the stream has begun', () => reader.text.includes('content'))
      return reader
    },
    async noProcessLeft () {
      await until('no process is left', () => left(processes).length === 0)
    },
    async nothingLeft () {
      await this.noProcessLeft()
      t.same(readdirSync(runtime, { recursive: true }).map(String).filter(name => /\.sock$|llmux-\w{6}$/.test(name)), [], 'no socket is left')
    },
    logged: (text: string) => server.lines.some(line => line.includes(text))
  }
}

t.jobs = 2

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends the server and its engines, with exit code 0`, async t => {
    const server = await start(t)
    t.same(await server.stop(signal), { code: 0, signal: null })
    await server.nothingLeft()
    t.ok(server.gpu.records().some(({ event }) => event === 'stopping'), 'the engine was asked to end')
  })
}

t.test('SIGTERM lets a stream end whole, and then does not wait for its connection', async t => {
  const server = await start(t)
  const stream = await server.stream(200)
  const end = server.stop()
  await stream.done
  t.equal(stream.end, 'ended')
  t.ok(stream.sawDone)
  t.same(await end, { code: 0, signal: null })
  await server.nothingLeft()
})

t.test('SIGTERM cuts a stream that does not end in the grace, visibly', async t => {
  const server = await start(t, { options: { timeouts: { grace: 300 } } })
  const stream = await server.stream(1_000_000)
  t.same(await server.stop(), { code: 0, signal: null })
  await stream.done
  t.equal(stream.end, 'broken')
  t.notOk(stream.text.includes('[DONE]'))
  t.match(JSON.parse(stream.events.at(-1)!.data), { error: { code: 'grace_timeout' } })
  await server.nothingLeft()
})

t.test('a host that gives it too little time cuts streams, and that is said', async t => {
  const server = await start(t, { closeDelay: 300 })
  const stream = await server.stream(1_000_000)
  t.same(await server.stop(), { code: 1, signal: null })
  await stream.done
  t.equal(stream.end, 'broken')
  const [line] = server.lines.filter(line => line.includes('LLMUX_ERR_CLOSE_DELAY'))
  t.match(JSON.parse(line!), { level: 40, msg: /^the process was ended \d+ ms after the server had begun to close, but streams may run for 30000 ms \(timeouts\.grace\)/ })
  await server.nothingLeft()
})

t.test('one that gives it enough, or has no streams to cut, is not warned of', async t => {
  const server = await start(t, { closeDelay: 20_000 })
  const stream = await server.stream(100)
  const end = server.stop()
  await stream.done
  t.equal(stream.end, 'ended')
  t.same(await end, { code: 0, signal: null })
  t.notOk(server.logged('CLOSE_DELAY'))
})

t.test('a second signal ends it at once', async t => {
  const server = await start(t)
  const stream = await server.stream(1_000_000)
  const end = server.stop()
  await until('it has begun to close', () => server.logged('closing on SIGTERM'))
  server.stop('SIGINT')
  t.same(await end, { code: 1, signal: null })
  await stream.done
  t.equal(stream.end, 'broken')
  await server.nothingLeft()
})

t.test('SIGTERM ends an engine in the middle of its start', async t => {
  const server = await start(t)
  server.gpu.setFaults('b', { start: 'hang' })
  const waiter = server.chat('b').then(({ statusCode, headers }) => ({ statusCode, retry: headers['retry-after'] }), error => error)
  await until('it starts', () => server.gpu.records().some(({ event, engine }) => event === 'starting' && engine === 'b'))
  const starting = family(server.pid)!
  t.same(await server.stop(), { code: 0, signal: null })
  await until('no process is left', () => left(starting).length === 0)
  t.same(await waiter, { statusCode: 503, retry: '5' })
  await server.nothingLeft()
})

t.test('SIGTERM ends an engine that does not listen to it, and the limit on hooks does not matter', async t => {
  const server = await start(t, { args: ['--mock-fault', 'sigterm=ignore'], options: { timeouts: { stop: 1_500 } }, pluginTimeout: 500 })
  t.same(await server.stop(), { code: 0, signal: null })
  await server.nothingLeft()
})

t.test('SIGHUP does not end it', async t => {
  const server = await start(t)
  process.kill(server.pid, 'SIGHUP')
  process.kill(server.pid, 'SIGHUP')
  await until('it is told', () => server.logged('SIGHUP'))
  t.equal((await server.chat('a')).statusCode, 200)
  t.same(await server.stop(), { code: 0, signal: null })
  await server.nothingLeft()
})

for (const [path, code, said] of [['/uncaught', 1, 'nobody catches this'], ['/rejection', 1, 'nobody handles this'], ['/exit', 7, '']] as const) {
  t.test(`a server that ends by ${path.slice(1)} leaves nothing, and its exit code is its own`, async t => {
    const server = await start(t)
    const end = until('it has ended', () => left(family(process.pid)!.filter(({ pid }) => pid === server.pid)).length === 0)
    await request(server.url + path).catch(() => {}) // it may end before it has answered
    await end
    t.same(await server.stop(), { code, signal: null })
    t.ok(server.logged(said))
    await server.nothingLeft()
  })
}

t.test('a server whose later plugin fails leaves nothing', async t => {
  const { argv, env, runtime } = prepare(t, { laterPluginFails: true })
  const error: Error = await startServer(argv, { env }).then(() => new Error('it listens'), error => error)
  t.match(error.message, 'a later plugin fails')
  const group = Number(/family of (\d+)/.exec(error.message)![1])
  await until('nobody of the engine is left', () => groupMembers(group).length === 0)
  t.same(readdirSync(runtime, { recursive: true }).map(String).filter(name => name.endsWith('.sock')), [])
})

t.test('where the server listens for signals itself, they are left to it', async t => {
  const server = await start(t, { ownListener: 'SIGTERM' })
  process.kill(server.pid, 'SIGTERM')
  await until('its listener has run', () => server.logged('own listener of SIGTERM'))
  t.equal((await server.chat('a')).statusCode, 200, 'it goes on serving')
  t.same(await server.stop('SIGINT'), { code: null, signal: 'SIGINT' })
  await server.noProcessLeft()
})

t.test('unless closeWithGrace says otherwise', async t => {
  const server = await start(t, { ownListener: 'SIGTERM', options: { closeWithGrace: true } })
  t.same(await server.stop(), { code: 0, signal: null })
  t.ok(server.logged('own listener of SIGTERM'))
  await server.nothingLeft()
})

t.test('with closeWithGrace: false a signal does what it does to any process, and still no engine is left', async t => {
  const server = await start(t, { options: { closeWithGrace: false } })
  t.same(await server.stop(), { code: null, signal: 'SIGTERM' })
  await server.noProcessLeft()
})
