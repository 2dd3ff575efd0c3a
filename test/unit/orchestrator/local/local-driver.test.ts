import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ResolvedModel } from '../../../../lib/options/types.ts'
import type { ProcessExit } from '../../../../lib/orchestrator/driver.ts'
import { Connection } from '../../../../lib/orchestrator/local/connection.ts'
import { LocalDriver } from '../../../../lib/orchestrator/local/local-driver.ts'
import { SocketDirectory } from '../../../../lib/orchestrator/local/socket-directory.ts'
import { freePort } from '../../../helpers/engine-process.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { makeModel, settle } from '../helper.ts'

let base: string
let sockets: SocketDirectory
const servers: Server[] = []

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'b-'))
  sockets = new SocketDirectory([base])
})

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  sockets.remove()
  rmSync(base, { recursive: true })
})

function setUp () {
  const spawned: Array<{ argv: string[], env: Record<string, string> }> = []
  const lines: unknown[] = []
  const leader = {
    pid: 42,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    untrack: () => {},
    onExit: (callback: (exit: ProcessExit) => void) => { exit.now = callback }
  }
  const exit = { now: (exit: ProcessExit) => { expect(exit).toBe('nobody listens') } }
  const driver = new LocalDriver({
    clock: new FakeClock(),
    onLine: (...line) => lines.push(line),
    sockets,
    Connection,
    spawnLeader: async (argv, env) => {
      spawned.push({ argv, env })
      return leader
    }
  })
  return { driver, spawned, lines, leader, exit, signal: new AbortController().signal }
}

/** Something that answers where the model is told to listen. */
async function engineOf (model: ResolvedModel, handler: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('ok')) {
  const seen: IncomingMessage[] = []
  const connections: Socket[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    handler(request, response)
  })
  server.on('connection', socket => connections.push(socket))
  servers.push(server)
  await new Promise<void>(resolve => server.listen(model.port === undefined ? { path: sockets.pathFor(model.id) } : { port: model.port, host: '127.0.0.1' }, resolve))
  return { seen, connections }
}

describe('preparing a local engine', () => {
  it('is content with what can be started', async () => {
    const { driver, spawned } = setUp()
    await driver.prepare(makeModel('qwen', { command: process.execPath }))
    await driver.prepare(makeModel('qwen', { command: 'sh', port: await freePort() }))
    expect(spawned).toEqual([])
  })

  it('says what stands in the way', async () => {
    const { driver } = setUp()
    const code = 'LLMUX_ERR_NOT_STARTABLE'
    await expect(driver.prepare(makeModel('qwen', { command: 'no-such-program' }))).rejects.toMatchObject({ code, message: expect.stringMatching(/`qwen`.*no-such-program is not found/) })
    await expect(driver.prepare(makeModel('qwen', { command: [] }))).rejects.toMatchObject({ code, message: expect.stringContaining('serve is not found in PATH') })
    await expect(driver.prepare(makeModel('qwen', { command: () => [] }))).rejects.toMatchObject({ code, message: expect.stringContaining('empty') })
    await expect(driver.prepare(makeModel('qwen', { command: () => { throw new Error('my own mistake') } }))).rejects.toMatchObject({ code, message: expect.stringContaining('my own mistake') })
    await expect(driver.prepare(makeModel('qwen', { command: 'sh', path: '/no/such/model' }))).rejects.toMatchObject({ code, message: expect.stringContaining('/no/such/model') })
  })

  it('looks at what can be known long before, and makes nothing', async () => {
    const { driver } = setUp()
    const code = 'LLMUX_ERR_NOT_STARTABLE'
    await driver.check(makeModel('qwen', { command: 'sh' }))
    await expect(driver.check(makeModel('qwen', { command: 'no-such-program' }))).rejects.toMatchObject({ code, startCause: 'command_missing' })
    await expect(driver.check(makeModel('qwen', { command: 'sh', path: '/no/such/model' }))).rejects.toMatchObject({ code, startCause: 'model_missing' })
    expect(readdirSync(base)).toEqual([])
    const nowhere = new LocalDriver({ clock: new FakeClock(), sockets: new SocketDirectory([join(base, 'none')]) })
    await expect(nowhere.check(makeModel('qwen', { command: 'sh' }))).rejects.toMatchObject({ code, message: expect.stringContaining('no directory for sockets') })
    await nowhere.check(makeModel('qwen', { command: 'sh', port: 8_000 }))
    const long = join(base, 'x'.repeat(90))
    mkdirSync(long)
    await expect(new LocalDriver({ clock: new FakeClock(), sockets: new SocketDirectory([long]) }).check(makeModel('qwen', { command: 'sh' }))).rejects.toMatchObject({ code, message: expect.stringContaining('longer than 107 bytes') })
  })

  it('looks where the engine itself will look for programs', async () => {
    const { driver } = setUp()
    await expect(driver.prepare(makeModel('qwen', { command: 'sh', env: { PATH: '/no/such/directory' } }))).rejects.toMatchObject({ code: 'LLMUX_ERR_NOT_STARTABLE' })
  })
})

describe('spawning a local engine', () => {
  it('tells it to listen on its socket, or on its port', async () => {
    const { driver, spawned } = setUp()
    await driver.spawn(makeModel('qwen', { env: { X: 'y' } }), () => {})
    await driver.spawn(makeModel('gemma', { port: 8001 }), () => {})
    expect(spawned[0]!.argv).toEqual(['vllm', 'serve', 'qwen', '--served-model-name', 'qwen', '--uds', sockets.pathFor('qwen'), '--enable-sleep-mode'])
    expect(spawned[0]!.env).toEqual({ VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1', X: 'y' })
    expect(spawned[1]!.argv).toContain('8001')
  })

  it('makes no directory for sockets where there are none', async () => {
    const { driver } = setUp()
    await driver.spawn(makeModel('gemma', { port: 8001 }), () => {})
    expect(readdirSync(base)).toEqual([])
  })

  it('removes a socket that is left from its last life', async () => {
    const { driver } = setUp()
    const model = makeModel('qwen')
    await engineOf(model)
    expect(readdirSync(join(base, readdirSync(base)[0]!))).toHaveLength(1)
    await driver.spawn(model, () => {})
    expect(readdirSync(join(base, readdirSync(base)[0]!))).toHaveLength(0)
  })

  it('tells of its exit and of its lines', async () => {
    const { driver, leader, exit, lines } = setUp()
    const exits: ProcessExit[] = []
    const child = await driver.spawn(makeModel('qwen'), exit => exits.push(exit))
    leader.stderr.write('hello\n')
    await settle()
    exit.now({ code: 1, signal: null })
    expect(child.pid).toBe(42)
    expect(child.lastLines(5)).toEqual(['hello'])
    expect(lines).toEqual([['qwen', 'stderr', 'hello']])
    expect(exits).toEqual([{ code: 1, signal: null }])
  })

  it('says why it failed, in the words that it has before a start', async () => {
    const driver = new LocalDriver({ clock: new FakeClock(), sockets })
    const code = 'LLMUX_ERR_NOT_STARTABLE'
    await expect(driver.spawn(makeModel('qwen', { command: '/no/such/program' }), () => {})).rejects.toMatchObject({ code, startCause: 'command_missing', message: expect.stringMatching(/`qwen`.*is not an executable file/) })
    await expect(driver.spawn(makeModel('qwen', { command: () => { throw new Error('my own mistake') } }), () => {})).rejects.toMatchObject({ code, message: expect.stringContaining('my own mistake') })
    const broken = new LocalDriver({ clock: new FakeClock(), sockets, spawnLeader: async () => { throw new Error('EAGAIN') } })
    await expect(broken.spawn(makeModel('qwen', { command: 'sh' }), () => {})).rejects.toMatchObject({ code: 'LLMUX_ERR_SPAWN_FAILED', message: expect.stringContaining('EAGAIN') })
  })
})

describe.each(['socket', 'port'])('reaching a local engine by its %s', kind => {
  const make = async (id = 'qwen', changes = {}) => makeModel(id, { ...changes, ...(kind === 'port' && { port: await freePort() }) })

  it('has an address for requests', async () => {
    const { driver } = setUp()
    const model = await make()
    const { seen } = await engineOf(model)
    const { origin, dispatcher, apiKey } = driver.endpoint(model)
    expect(origin).toBe(kind === 'port' ? `http://127.0.0.1:${model.port}` : 'http://engine')
    expect(apiKey).toBeUndefined()
    const response = await request(`${origin}/v1/models`, { dispatcher })
    expect(await response.body.text()).toBe('ok')
    expect(seen[0]!.url).toBe('/v1/models')
    expect(driver.endpoint(model).dispatcher).toBe(dispatcher)
    await driver.close()
  })

  it('opens as many connections as there are requests, and uses them again', async () => {
    const { driver } = setUp()
    const model = await make()
    const waiting: ServerResponse[] = []
    const { connections } = await engineOf(model, (_, response) => waiting.push(response))
    const { origin, dispatcher } = driver.endpoint(model)
    const send = () => request(origin, { dispatcher }).then(({ body }) => body.text())
    const answers = Array.from({ length: 150 }, send)
    await expect.poll(() => waiting.length).toBe(150)
    expect(connections).toHaveLength(150)
    waiting.splice(0).forEach(response => response.end())
    await Promise.all(answers)
    await settle()
    const another = send()
    await expect.poll(() => waiting.length).toBe(1)
    waiting[0]!.end()
    await another
    expect(connections).toHaveLength(150)
    await driver.close()
  })

  it('makes each control call', async () => {
    const { driver, signal } = setUp()
    const model = await make('qwen', { env: { VLLM_API_KEY: 'secret' } })
    const { seen } = await engineOf(model)
    expect(await driver.probe(model, signal)).toBe(true)
    expect(await driver.responds(model, signal)).toBe(true)
    await driver.sleep(model, 2, 'keep', signal)
    await driver.wake(model, 'weights', signal)
    await driver.reload(model, signal)
    await driver.wake(model, undefined, signal)
    await driver.resetPrefixCache(model, signal)
    expect(await driver.warmUp(model, signal)).toBe(true)
    expect(seen.map(({ url }) => url)).toEqual(['/health', '/is_sleeping', '/sleep?level=2&mode=keep', '/wake_up?tags=weights', '/collective_rpc', '/wake_up', '/reset_prefix_cache', '/v1/completions'])
    expect(seen.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true)
    await driver.close()
  })

  it('is not healthy where nobody listens', async () => {
    const { driver, signal } = setUp()
    expect(await driver.probe(await make(), signal)).toBe(false)
    await driver.close()
  })

  it('breaks requests when it is told to, and has a new connection for the next life', async () => {
    const { driver } = setUp()
    const model = await make()
    const { seen } = await engineOf(model, (request, response) => { if (request.url !== '/hangs') response.end('ok') })
    const { origin, dispatcher } = driver.endpoint(model)
    const broken = request(`${origin}/hangs`, { dispatcher }).catch(error => error)
    await expect.poll(() => seen.length).toBe(1)
    driver.disconnect(model, false)
    expect(await broken).toMatchObject({ code: 'UND_ERR_DESTROYED' })
    const next = driver.endpoint(model)
    expect(next.dispatcher).not.toBe(dispatcher)
    expect((await request(next.origin, { dispatcher: next.dispatcher })).statusCode).toBe(200)
    await driver.close()
  })

  it('leaves requests alone when it is told to be gentle, but takes no more', async () => {
    const { driver } = setUp()
    const model = await make()
    let response: ServerResponse | undefined
    await engineOf(model, (_, waiting) => { response = waiting })
    const { origin, dispatcher } = driver.endpoint(model)
    const answer = request(origin, { dispatcher }).then(({ body }) => body.text())
    await expect.poll(() => response).toBeDefined()
    driver.disconnect(model, true)
    await expect(request(origin, { dispatcher })).rejects.toMatchObject({ code: 'UND_ERR_CLOSED' })
    response!.end('whole')
    expect(await answer).toBe('whole')
  })

  it('breaks everything at its end', async () => {
    const { driver } = setUp()
    const model = await make()
    const { seen } = await engineOf(model, () => {})
    const { origin, dispatcher } = driver.endpoint(model)
    const broken = request(origin, { dispatcher }).catch(error => error)
    await expect.poll(() => seen.length).toBe(1)
    await driver.close()
    expect(await broken).toMatchObject({ code: 'UND_ERR_DESTROYED' })
    expect(readdirSync(base)).toEqual([])
  })

  it('does not mind an engine that was never reached', async () => {
    const { driver } = setUp()
    driver.disconnect(await make(), false)
    await driver.close()
  })
})

describe('the key of a local engine', () => {
  it('is the one of its environment, be it ours, and an empty one is none', async () => {
    const { driver } = setUp()
    const { VLLM_API_KEY } = process.env
    process.env.VLLM_API_KEY = 'ours'
    expect(driver.endpoint(makeModel('a', { env: { VLLM_API_KEY: 'its own' } })).apiKey).toBe('its own')
    expect(driver.endpoint(makeModel('b')).apiKey).toBe('ours')
    expect(driver.endpoint(makeModel('c', { env: { VLLM_API_KEY: '' } })).apiKey).toBeUndefined()
    delete process.env.VLLM_API_KEY
    if (VLLM_API_KEY !== undefined) process.env.VLLM_API_KEY = VLLM_API_KEY
    await driver.close()
  })
})
