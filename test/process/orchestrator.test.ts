import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { systemClock } from '../../lib/clock.ts'
import { LlmuxEvents } from '../../lib/events.ts'
import type { ResolvedModel } from '../../lib/options/types.ts'
import { LocalDriver } from '../../lib/orchestrator/local/local-driver.ts'
import { ProcessGroup } from '../../lib/orchestrator/local/process-group.ts'
import { SocketDirectory } from '../../lib/orchestrator/local/socket-directory.ts'
import { Orchestrator } from '../../lib/orchestrator/orchestrator.ts'
import { freePort, groupMembers, until } from '../helpers/engine-process.ts'
import { makeModel } from '../unit/orchestrator/helper.ts'

// Much of it is real processes starting, and the machine may be busy.
t.setTimeout(180_000)

const engine = fileURLToPath(new URL('./fixtures/engine.js', import.meta.url))

/** A model of the small engine, which does wrong what `fixture` says. */
function model (id: string, fixture: object = {}, changes: Parameters<typeof makeModel>[1] = {}): ResolvedModel {
  return makeModel(id, { command: [process.execPath, engine], args: ['--fixture', JSON.stringify(fixture)], ...changes })
}

/** An orchestrator of real processes, and all that it tells. */
function setUp (models: ResolvedModel[]) {
  const base = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  const lines: string[] = []
  const warnings: string[] = []
  const states: string[] = []
  const groups = new Set<number>()
  const lost: Array<{ id: string, error: Error }> = []
  const events = new LlmuxEvents()
  events.on('warning', ({ error }) => warnings.push((error as Error & { code: string }).code))
  events.on('engine', ({ to, pid }) => {
    states.push(to)
    if (pid !== undefined) groups.add(pid)
  })
  const driver = new LocalDriver({
    clock: systemClock,
    onLine: (model, stream, line) => lines.push(`${model} ${stream}: ${line}`),
    sockets: new SocketDirectory([base])
  })
  const orchestrator = new Orchestrator(models, { driver, clock: systemClock, events, onLost: (id, error) => lost.push({ id, error }) })
  const pid = (id: string) => orchestrator.snapshot(id).pid!
  const about = async (id: string) => {
    const { origin, dispatcher } = orchestrator.endpoint(id)
    const { body } = await request(`${origin}/about`, { dispatcher })
    return await body.json() as { calls: string[], argv: string[], env: Record<string, string> }
  }
  return { orchestrator, base, groups, lines, warnings, states, lost, pid, about }
}

/** After each test nothing may be left, whatever went wrong in it. */
function test (name: string, models: ResolvedModel[], body: (t: Test, setup: ReturnType<typeof setUp>) => Promise<void>): void {
  t.test(name, async t => {
    const setup = setUp(models)
    try {
      await body(t, setup)
    } finally {
      await setup.orchestrator.close()
    }
    t.same([...setup.groups].flatMap(group => groupMembers(group)), [], 'no process is left')
    t.same(readdirSync(setup.base), [], 'no socket is left')
    rmSync(setup.base, { recursive: true })
  })
}

test('an engine is started, put to sleep, woken and stopped', [model('a')], async (t, { orchestrator, states, pid, about, base }) => {
  await orchestrator.prepare('a')
  await orchestrator.wake('a')
  const group = pid('a')
  t.equal(groupMembers(group).length, 1)
  await orchestrator.sleep('a')
  await orchestrator.wake('a')
  await orchestrator.sleep('a', 2)
  await orchestrator.wake('a')
  const { calls, argv, env } = await about('a')
  t.same(calls, [
    'POST /sleep?level=1&mode=wait',
    'POST /wake_up',
    'POST /sleep?level=2&mode=wait',
    'POST /wake_up?tags=weights',
    'POST /collective_rpc',
    'POST /wake_up?tags=kv_cache',
    'POST /reset_prefix_cache'
  ])
  const socket = argv[argv.indexOf('--uds') + 1]!
  t.equal(dirname(dirname(socket)), base)
  t.equal(statSync(dirname(socket)).mode & 0o777, 0o700)
  t.match(env, { VLLM_SERVER_DEV_MODE: '1', NO_COLOR: '1', PATH: process.env.PATH })
  await orchestrator.stop('a')
  t.same(groupMembers(group), [])
  t.same(states, ['starting', 'awake', 'sleeping', 'asleep', 'waking', 'awake', 'sleeping', 'asleep', 'waking', 'awake', 'stopping', 'stopped'])
})

const port = await freePort()

test('an engine listens on its port, on loopback only, and a taken port is seen beforehand', [model('a', {}, { port }), model('b', {}, { port })], async (t, { orchestrator, about }) => {
  await orchestrator.wake('a')
  t.match((await about('a')).argv.join(' '), `--port ${port} --host 127.0.0.1`)
  await t.rejects(orchestrator.prepare('b'), { code: 'LLMUX_ERR_NOT_STARTABLE', message: /port \d+ is taken/ })
  await orchestrator.stop('a')
  await orchestrator.prepare('b')
})

test('an idle connection is given up before vLLM would close it', [model('a')], async (t, { orchestrator, about }) => {
  await orchestrator.wake('a')
  await about('a')
  const { dispatcher } = orchestrator.endpoint('a') as { dispatcher: { stats?: { connected: number } } & object }
  t.equal(dispatcher.stats?.connected, 1)
  await until('the connection is closed', () => dispatcher.stats?.connected === 0, 4_900)
})

test('lines of both streams are told without colours, a progress bar in its last state', [model('a', { say: ['\u001b[32mgreen\u001b[0m\n', 'loading 10%\r', 'loading 100%\n'] })], async (t, { orchestrator, lines }) => {
  await orchestrator.wake('a')
  await until('all lines have come', () => lines.length === 2)
  t.same(lines, ['a stdout: green', 'a stdout: loading 100%'])
})

test('a start that fails', [
  model('exits', { exit: 3, say: ['one\n', 'two\n', 'no newline'], startup: 50, child: 'ignores SIGTERM' }),
  model('hangs', { deaf: true, say: ['still loading\n'] }, { timeouts: { start: 3_000 } }),
  model('missing', {}, { command: '/no/such/vllm' })
], async (t, { orchestrator, states, pid }) => {
  await t.rejects(orchestrator.wake('exits'), { code: 'LLMUX_ERR_PROCESS_DIED', message: /exit code 3$/ })
  await t.rejects(orchestrator.wake('hangs'), { code: 'LLMUX_ERR_START_TIMEOUT', message: /within 3000 ms$/, lastLines: ['still loading'] })
  await t.rejects(orchestrator.prepare('missing'), { code: 'LLMUX_ERR_NOT_STARTABLE' })
  await t.rejects(orchestrator.wake('missing'), { code: 'LLMUX_ERR_NOT_STARTABLE', startCause: 'command_missing' })
  t.equal(pid('exits') ?? pid('hangs') ?? pid('missing'), undefined)
  t.same(states.filter(state => state === 'failed').length, 3)
})

test('a start that is stopped, and one that is closed', [model('a', { deaf: true, child: true }), model('b', { deaf: true })], async (t, { orchestrator, pid }) => {
  const wakes = ['a', 'b'].map(id => orchestrator.wake(id).catch(error => error.code))
  await until('both are spawned', () => pid('a') !== undefined && pid('b') !== undefined)
  const group = pid('a')
  await orchestrator.stop('a')
  t.same(groupMembers(group), [])
  await orchestrator.close()
  t.same(await Promise.all(wakes), ['LLMUX_ERR_WAKE_FAILED', 'LLMUX_ERR_CLOSING'])
})

test('an engine that dies while nobody uses it is noticed, cleaned up and started again', [model('a', { child: 'ignores SIGTERM' })], async (t, { orchestrator, lost, pid, lines }) => {
  for (const state of ['awake', 'asleep'] as const) {
    lines.length = 0
    await orchestrator.wake('a')
    await until('the child is there', () => lines.some(line => line.endsWith('child ready')))
    if (state === 'asleep') await orchestrator.sleep('a')
    const group = pid('a')
    t.equal(groupMembers(group).length, 2)
    process.kill(group, 'SIGKILL')
    await until('the loss is told', () => lost.length > 0)
    t.match(lost.pop(), { id: 'a', error: { code: 'LLMUX_ERR_PROCESS_DIED', message: /signal SIGKILL/ } })
    t.equal(orchestrator.state('a'), 'failed')
    await until('nobody of it is left', () => groupMembers(group).length === 0)
  }
  await orchestrator.wake('a')
  t.equal(orchestrator.state('a'), 'awake')
})

test('an engine that dies while it wakes or goes to sleep', [model('wakes', { '/wake_up': { exit: 0 } }), model('sleeps', { '/sleep': { exit: 7 }, child: true })], async (t, { orchestrator, lost, warnings, pid }) => {
  await orchestrator.wake('wakes')
  await orchestrator.sleep('wakes')
  const group = pid('wakes')
  await orchestrator.wake('wakes')
  t.equal(orchestrator.state('wakes'), 'awake', 'started afresh')
  t.not(pid('wakes'), group)
  await orchestrator.wake('sleeps')
  await orchestrator.sleep('sleeps')
  t.equal(orchestrator.state('sleeps'), 'failed')
  t.same(warnings, ['LLMUX_ERR_PROCESS_DIED', 'LLMUX_ERR_PROCESS_DIED'])
  t.same(lost, [])
})

test('a sleep or a wake that fails or hangs ends the group', [
  model('fails', { '/sleep': { status: 500 }, child: true }),
  model('hangs', { '/sleep': { hang: true }, '/wake_up': { hang: true }, child: true }, { timeouts: { sleep: 300 } }),
  model('wakes', { '/wake_up': { hang: true }, child: true }, { timeouts: { wake: 300 } })
], async (t, { orchestrator, warnings, pid }) => {
  for (const id of ['fails', 'hangs']) {
    await orchestrator.wake(id)
    const group = pid(id)
    await orchestrator.sleep(id)
    t.same(groupMembers(group), [])
  }
  t.same(warnings, ['LLMUX_ERR_SLEEP_FAILED', 'LLMUX_ERR_SLEEP_TIMEOUT'])
  await orchestrator.wake('wakes')
  await orchestrator.sleep('wakes')
  const group = pid('wakes')
  await orchestrator.wake('wakes')
  t.same(groupMembers(group), [])
  t.equal(warnings.at(-1), 'LLMUX_ERR_WAKE_TIMEOUT')
  t.equal(orchestrator.state('wakes'), 'awake', 'started afresh')
})

test('a group that does not end on SIGTERM is killed, with a warning', [
  model('leader', { ignoreSigterm: true }, { timeouts: { stop: 200 } }),
  model('child', { child: 'ignores SIGTERM' }, { timeouts: { stop: 200 } }),
  model('stopped', {}, { timeouts: { stop: 200 } })
], async (t, { orchestrator, warnings, pid, lines }) => {
  for (const id of ['leader', 'child', 'stopped']) {
    await orchestrator.wake(id)
    if (id === 'child') await until('the child is there', () => lines.includes('child stdout: child ready'))
    if (id === 'stopped') process.kill(pid(id), 'SIGSTOP')
    const group = pid(id)
    await orchestrator.stop(id)
    t.same(groupMembers(group), [], id)
  }
  t.same(warnings, Array(3).fill('LLMUX_ERR_STOP_TIMEOUT'))
  t.ok(lines.includes('leader stdout: SIGTERM ignored'))
})

test('a request under way is broken when its engine is stopped, so that it can end', [model('a', { '/v1/completions': { hang: true } })], async (t, { orchestrator }) => {
  await orchestrator.wake('a')
  const { origin, dispatcher } = orchestrator.endpoint('a')
  const broken = request(`${origin}/v1/completions`, { dispatcher, method: 'POST' }).catch(error => error.code)
  await orchestrator.stop('a')
  t.equal(await broken, 'UND_ERR_DESTROYED')
})

t.test('a group of which only zombies are left is empty', { skip: process.platform !== 'linux' }, async t => {
  // The job ends soon; the program that takes the shell's place never asks for it.
  const shell = spawn('/bin/sh', ['-c', 'setsid sleep 0.5 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => shell.kill('SIGKILL'))
  const [number] = await once(shell.stdout, 'data')
  const group = Number(String(number))
  await until('the job has a group of its own', () => groupMembers(group).length === 1)
  let empty = 0
  t.ok(await new ProcessGroup(group, { clock: systemClock, onEmpty: () => empty++ }).waitEmpty(5_000))
  t.equal(empty, 1)
  t.doesNotThrow(() => process.kill(-group, 0), 'a signal still finds it')
})
