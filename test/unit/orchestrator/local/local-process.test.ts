import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LocalProcess } from '../../../../lib/orchestrator/local/local-process.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { outcome, pass, settle } from '../helper.ts'

function setUp () {
  const clock = new FakeClock()
  const lines: string[] = []
  const sent: unknown[] = []
  const system = { alive: true, untracked: 0 }
  const leader = { pid: 42, stdout: new PassThrough(), stderr: new PassThrough(), onExit: () => {}, untrack: () => { system.untracked++ } }
  const child = new LocalProcess(leader, {
    clock,
    onLine: (stream, line) => lines.push(`${stream}: ${line}`),
    kill: (pid, signal) => {
      if (!system.alive) throw Object.assign(new Error(), { code: 'ESRCH' })
      if (signal !== 0) sent.push([pid, signal])
    }
  })
  return { clock, lines, sent, system, leader, child }
}

describe('a process group on this machine', () => {
  it('has its leader\'s number, and is signalled as a whole', () => {
    const { child, sent } = setUp()
    expect(child.pid).toBe(42)
    child.signal('SIGTERM')
    expect(sent).toEqual([[-42, 'SIGTERM']])
  })

  it('tells what it writes, and keeps it', async () => {
    const { child, leader, lines } = setUp()
    leader.stdout.write('one\n')
    await settle()
    leader.stderr.write('two\n')
    await settle()
    expect(lines).toEqual(['stdout: one', 'stderr: two'])
    expect(child.lastLines(1)).toEqual(['two'])
  })

  it('is tracked until it is gone', async () => {
    const { child, system, clock } = setUp()
    const soon = outcome(child.gone(1_000))
    await pass(clock, 500)
    expect(soon.value).toBeUndefined()
    expect(system.untracked).toBe(0)
    system.alive = false
    expect(await child.gone(1_000)).toBe(true)
    expect(system.untracked).toBe(1)
    await pass(clock, 500)
    expect(clock.pending).toBe(0)
  })

  it('says that it is not gone after the limit', async () => {
    const { child, clock } = setUp()
    const gone: boolean[] = []
    child.gone(1_000).then(value => gone.push(value))
    await pass(clock, 1_000)
    // The look into /proc takes real time.
    await expect.poll(() => gone).toEqual([false])
  })

  it('is flushed when all its output has been read', async () => {
    const { child, leader, clock } = setUp()
    const flushed = outcome(child.flushed())
    leader.stdout.end('last')
    await settle()
    expect(flushed.value).toBeUndefined()
    leader.stderr.end(' words')
    await settle()
    expect(flushed.value).toBe(true)
    expect(child.lastLines(2)).toEqual(['last', ' words'])
    expect(clock.pending).toBe(0)
  })

  it('counts as flushed a moment later if another process holds its pipes, and is no longer read', async () => {
    const { child, leader, clock } = setUp()
    const flushed = [outcome(child.flushed()), outcome(child.flushed())]
    await pass(clock, 99)
    expect(flushed.map(({ value }) => value)).toEqual([undefined, undefined])
    expect(leader.stdout.destroyed).toBe(false)
    await pass(clock, 1)
    expect(flushed.map(({ value }) => value)).toEqual([true, true])
    expect([leader.stdout.destroyed, leader.stderr.destroyed]).toEqual([true, true])
  })

  it('leaves no pipes open when it is gone, though nobody asks for the rest of its output', async () => {
    const { child, leader, system, clock } = setUp()
    system.alive = false
    child.signal('SIGKILL')
    await pass(clock, 100)
    expect([leader.stdout.destroyed, leader.stderr.destroyed]).toEqual([true, true])
  })
})
