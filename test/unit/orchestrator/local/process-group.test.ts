import { describe, expect, it } from 'vitest'
import { ProcessGroup } from '../../../../lib/orchestrator/local/process-group.ts'
import type { ProcessStat } from '../../../../lib/orchestrator/local/proc.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { outcome, pass, settle } from '../helper.ts'

function setUp () {
  const clock = new FakeClock()
  /** What `kill` throws; nothing means that somebody got the signal. */
  const system: { error?: string, members: ProcessStat[] | undefined } = { members: undefined }
  const looks: number[] = []
  const scans: number[] = []
  const sent: Array<[number, unknown]> = []
  const counts = { empty: 0 }
  const group = new ProcessGroup(42, {
    clock,
    onEmpty: () => counts.empty++,
    kill: (pid, signal) => {
      if (signal === 0) looks.push(clock.now())
      else sent.push([pid, signal])
      if (system.error !== undefined) throw Object.assign(new Error(system.error), { code: system.error })
    },
    members: async group => {
      expect(group).toBe(42)
      scans.push(clock.now())
      return system.members
    }
  })
  return { clock, system, looks, scans, sent, counts, group }
}

const member = (state: string): ProcessStat => ({ pid: 1, state, group: 42, threads: 1, startTime: 1 })

describe('a process group', () => {
  it('is signalled as a whole', () => {
    const { group, sent, counts } = setUp()
    group.signal('SIGTERM')
    expect(sent).toEqual([[-42, 'SIGTERM']])
    expect(counts.empty).toBe(0)
  })

  it('is empty when a signal finds nobody, and its number is never used again', async () => {
    const { group, system, sent, looks, counts, clock } = setUp()
    system.error = 'ESRCH'
    group.signal('SIGTERM')
    expect(counts.empty).toBe(1)
    group.signal('SIGKILL')
    expect(await group.waitEmpty(1_000)).toBe(true)
    expect(sent).toEqual([[-42, 'SIGTERM']])
    expect(looks).toEqual([])
    expect(counts.empty).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('is not empty where we may not signal it', async () => {
    const { group, system, counts, clock } = setUp()
    system.error = 'EPERM'
    group.signal('SIGTERM')
    const empty = outcome(group.waitEmpty(10))
    await pass(clock, 5)
    expect(empty.value).toBeUndefined()
    expect(counts.empty).toBe(0)
  })

  it('is waited for, at first with quick looks, then with a look every 50 ms', async () => {
    const { group, system, looks, clock, counts } = setUp()
    const start = clock.now()
    let empty
    group.waitEmpty(10_000).then(value => { empty = value })
    await pass(clock, 1_000)
    expect(empty).toBeUndefined()
    expect(looks.slice(0, 6).map(time => time - start)).toEqual([0, 1, 3, 7, 15, 31])
    expect(looks.at(-1)! - looks.at(-2)!).toBe(50)
    expect(counts.empty).toBe(0)
    system.error = 'ESRCH'
    await pass(clock, 50)
    expect(empty).toBe(true)
    expect(counts.empty).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('is given up after the limit', async () => {
    const { group, clock, counts } = setUp()
    let empty
    group.waitEmpty(1_234).then(value => { empty = value })
    await pass(clock, 1_233)
    expect(empty).toBeUndefined()
    await pass(clock, 1)
    expect(empty).toBe(false)
    expect(counts.empty).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('is looked at once more when the limit is over', async () => {
    const { group, system, clock } = setUp()
    let empty
    group.waitEmpty(2).then(value => { empty = value })
    await settle()
    clock.setTimeout(() => { system.error = 'ESRCH' }, 2)
    await pass(clock, 2)
    expect(empty).toBe(true)
  })

  it('is looked at in /proc only when it is not gone quickly', async () => {
    const { group, scans, clock } = setUp()
    const start = clock.now()
    outcome(group.waitEmpty(1_000))
    await pass(clock, 30)
    expect(scans.map(time => time - start)).toEqual([15])
  })

  it('is looked at in /proc when the limit is short', async () => {
    const { group, system, clock } = setUp()
    system.members = [member('Z')]
    let empty
    group.waitEmpty(3).then(value => { empty = value })
    await pass(clock, 3)
    expect(empty).toBe(true)
  })

  it('is empty when only zombies are left, and its number is never used again', async () => {
    const { group, system, clock, counts, sent } = setUp()
    system.members = [member('Z'), member('S')]
    let empty
    group.waitEmpty(10_000).then(value => { empty = value })
    await pass(clock, 500)
    expect(empty).toBeUndefined()
    system.members = [member('Z'), member('Z')]
    await pass(clock, 50)
    expect(empty).toBe(true)
    expect(counts.empty).toBe(1)
    group.signal('SIGKILL')
    expect(sent).toEqual([])
  })

  it('is not empty because /proc shows nobody: it may hide them', async () => {
    const { group, system, clock } = setUp()
    system.members = []
    let empty
    group.waitEmpty(1_000).then(value => { empty = value })
    await pass(clock, 1_000)
    expect(empty).toBe(false)
  })

  it('tells once that it is empty, however many wait', async () => {
    const { group, system, clock, counts } = setUp()
    system.members = [member('Z')]
    const waits = [outcome(group.waitEmpty(1_000)), outcome(group.waitEmpty(1_000))]
    await pass(clock, 100)
    expect(waits.map(({ value }) => value)).toEqual([true, true])
    expect(counts.empty).toBe(1)
  })

  it('uses the system\'s own kill and /proc if nothing else is given', async () => {
    // No process has a number beyond the kernel's limit of 2^22.
    let told = false
    const group = new ProcessGroup(2 ** 22 + 1, { clock: new FakeClock(), onEmpty: () => { told = true } })
    expect(await group.waitEmpty(0)).toBe(true)
    expect(told).toBe(true)
  })
})
