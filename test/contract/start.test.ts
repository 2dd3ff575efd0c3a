import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort, until, type EngineProcess } from '../helpers/engine-process.ts'
import { isHeld, spawnEngine, startEngine, subject } from './engine-under-test.ts'

/** Whether anybody listens there. */
async function accepts (port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false // refused
  } finally {
    socket.destroy()
  }
}

const hasCore = (engine: EngineProcess) => engine.members.some(({ name }) => name.startsWith('VLLM::EngineCor'))

t.test('while it starts, connections are refused, and a SIGTERM to the server is ignored; then it is healthy, and says so in its log', async (t) => {
  const port = await freePort()
  const engine = await spawnEngine(t, { listen: { port }, args: subject.slowStart })
  // Not before: in the midst of the handshake between the two a signal would have each wait for the other for ever, and the mock, which
  // cannot bind a port without listening on it, tries it before.
  await until('EngineCore is at work', () => engine.output.includes('Initializing a V1 LLM engine'), subject.patience)
  t.notOk(await accepts(port))
  engine.kill('SIGTERM', engine.pid)
  await until('it is healthy', () => engine.isHealthy(), subject.patience)
  // It may answer before its last line has come through the pipe.
  await until('it says so', () => engine.output.includes('Application startup complete.'))
  for (const line of ['non-default args', 'Initializing a V1 LLM engine', 'Starting to load model', 'Loading safetensors checkpoint shards:']) {
    t.match(engine.output, line)
  }
  t.match(engine.output, new RegExp(`^\\(APIServer pid=${engine.pid}\\) `, 'm'))
  t.match(engine.output, new RegExp(`^\\(EngineCore(_DP0)? pid=${engine.core}\\) `, 'm'))
  t.match(engine.output, /\r\s*Loading safetensors/, 'progress bars come with carriage returns')
  // eslint-disable-next-line no-control-regex
  t.notMatch(engine.output, /\x1b\[/, 'NO_COLOR is obeyed')
})

t.test('SIGTERM to the group while it starts ends the engine, but not the server: only SIGKILL does', async (t) => {
  const engine = await spawnEngine(t)
  await until('EngineCore is there', () => hasCore(engine), subject.patience)
  engine.kill('SIGTERM')
  await until('EngineCore is gone', () => !hasCore(engine), subject.patience)
  t.ok(await isHeld(engine.exited))
  t.notOk(await engine.isHealthy())
  engine.kill('SIGKILL')
  await engine.gone()
})

t.test('EngineCore killed while it starts ends the start with an exit code', async (t) => {
  const engine = await spawnEngine(t)
  await until('EngineCore is there', () => hasCore(engine), subject.patience)
  engine.kill('SIGKILL', engine.core)
  t.match(await engine.closed, { code: 1 })
  t.match(engine.output, 'Engine core initialization failed')
  await engine.gone(subject.patience)
})

t.test('a taken port ends the start with an exit code and the reason', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const engine = await spawnEngine(t, { listen: taken.address() as { port: number } })
  t.match(await engine.closed, { code: 1 })
  t.match(engine.output, 'OSError: [Errno 98] Address already in use')
})

t.test('a file in the place of its socket, even a stale one, ends the start', async (t) => {
  const uds = join(mkdtempSync(join(tmpdir(), 'contract-')), 's')
  writeFileSync(uds, '')
  const engine = await spawnEngine(t, { listen: { uds } })
  t.match(await engine.closed, { code: 1 })
  t.match(engine.output, 'OSError: [Errno 98] Address already in use')
  t.ok(existsSync(uds))
})

t.test('a model that is not there ends the start with an exit code', async (t) => {
  const engine = await spawnEngine(t, { model: '/no/such/model' })
  t.match(await engine.closed, { code: 1 })
  t.match(engine.output, '/no/such/model')
  await engine.gone()
})

t.test(subject.hasDeviceMemory ? 'a sleep frees memory with --enable-sleep-mode, and the wake takes it again' : 'a CPU has no memory to free: --enable-sleep-mode ends the start', async (t) => {
  if (!subject.hasDeviceMemory) {
    const engine = await spawnEngine(t, { args: ['--enable-sleep-mode'] })
    t.match(await engine.closed, { code: 1 })
    t.match(engine.output, /Sleep mode is not supported on current platform/i)
    return
  }
  const memoryUsed = subject.memoryUsed ?? nvidiaMemory
  const engine = await startEngine(t, { args: ['--enable-sleep-mode'] })
  const awake = await memoryUsed()
  t.equal((await engine.post('/sleep?level=1')).status, 200)
  t.ok(await memoryUsed() < awake / 2)
  t.equal((await engine.post('/wake_up')).status, 200)
  t.ok(await memoryUsed() > awake * 0.9)
})

/** MiB used, of all devices together. */
async function nvidiaMemory (): Promise<number> {
  const { execFileSync } = await import('node:child_process')
  const lines = execFileSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits']).toString().trim().split('\n')
  return lines.reduce((sum, line) => sum + Number(line), 0)
}
