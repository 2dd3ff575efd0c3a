import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { groupMembers, isAlive, parseStat, procFiles, type ProcFiles } from '../../../../lib/orchestrator/local/proc.ts'

function statLine (pid: number, group: number, { name = 'python', state = 'S', threads = 1 } = {}): string {
  return `${pid} (${name}) ${state} 1 ${group} ${group} 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 ${threads} 0 777 1000 200 18446744073709551615\n`
}

function filesOf (stats: Record<string, string | undefined>): ProcFiles {
  return { list: async () => Object.keys(stats), stat: async pid => stats[pid] }
}

describe('a line of /proc/PID/stat', () => {
  it('is read by the positions in proc_pid_stat(5)', () => {
    expect(parseStat(statLine(12, 34, { state: 'D', threads: 56 }))).toEqual({ pid: 12, state: 'D', group: 34, threads: 56, startTime: 777 })
  })

  it('is read whatever the program is called', () => {
    expect(parseStat(statLine(12, 34, { name: 'a) Z (b c)' }))).toMatchObject({ pid: 12, state: 'S', group: 34 })
  })

  it.each(['', '12 (python', '12 (python) S 1 34', 'no brackets at all '.repeat(10)])('is none: %j', text => {
    expect(parseStat(text)).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('is as the kernel writes it', () => {
    const stat = parseStat(readFileSync('/proc/self/stat', 'latin1'))!
    expect(stat.pid).toBe(process.pid)
    expect('RSD').toContain(stat.state)
    expect(stat.threads).toBeGreaterThan(1)
    expect(stat.startTime).toBeGreaterThan(0)
    expect(stat.group).toBeGreaterThan(0)
  })
})

describe('a process', () => {
  const stat = { pid: 1, group: 1, startTime: 1 }

  it.each(['R', 'S', 'D', 'T', 't', 'I'])('is alive in state %s', state => {
    expect(isAlive({ ...stat, state, threads: 1 })).toBe(true)
  })

  it.each(['Z', 'X', 'x'])('is dead in state %s', state => {
    expect(isAlive({ ...stat, state, threads: 1 })).toBe(false)
  })

  it('is alive while other threads than its first one live, and hold its memory', () => {
    expect(isAlive({ ...stat, state: 'Z', threads: 2 })).toBe(true)
  })
})

describe('the members of a group', () => {
  it('are all processes with its number, zombies too', async () => {
    const files = filesOf({
      self: statLine(1, 50),
      12: statLine(12, 50),
      13: statLine(13, 51),
      14: statLine(14, 50, { state: 'Z' }),
      15: undefined,
      16: 'rubbish',
      '17x': statLine(17, 50),
      x18: statLine(18, 50)
    })
    expect(await groupMembers(50, files)).toMatchObject([{ pid: 12, state: 'S' }, { pid: 14, state: 'Z' }])
    expect(await groupMembers(99, files)).toEqual([])
  })

  it('are unknown where there is no /proc, or none of Linux', async () => {
    expect(await groupMembers(50, { list: async () => undefined, stat: async () => undefined })).toBeUndefined()
    expect(await groupMembers(50, filesOf({ curproc: undefined }))).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('are read from the running system', async () => {
    const { group } = parseStat((await procFiles.stat('self'))!)!
    expect((await groupMembers(group))!.map(({ pid }) => pid)).toContain(process.pid)
    expect(await procFiles.stat('no such process')).toBeUndefined()
  })
})
