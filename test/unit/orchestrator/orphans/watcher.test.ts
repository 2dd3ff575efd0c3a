import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { Watcher } from '../../../../lib/orchestrator/orphans/watcher.ts'
import { groupMembers, until } from '../../../helpers/engine-process.ts'

const children: ChildProcess[] = []

afterEach(() => {
  for (const { pid } of children.splice(0)) {
    try {
      process.kill(-pid!, 'SIGKILL')
    } catch {
      // It ended in the test.
    }
  }
})

function startGroup (): number {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & sleep 60'], { detached: true, stdio: 'ignore' })
  children.push(child)
  return child.pid!
}

/** The watchers of this process, by their numbers. */
function watchers (): number[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(-3, -1).join(' ') === `llmux-watcher ${process.pid}`
    } catch {
      return false
    }
  }).map(Number)
}

const nobody = () => until('no watcher is there', () => watchers().length === 0)

async function theWatcher (): Promise<number> {
  return await until('one watcher is there', () => watchers().length === 1 && watchers()[0]) as number
}

describe.runIf(process.platform === 'linux')('the watcher', () => {
  it('is there from before the first group until after the last one', async () => {
    const watcher = new Watcher()
    const seats = [watcher.reserve(), watcher.reserve()]
    const pid = await theWatcher()
    const groups = [startGroup(), startGroup()]
    seats.forEach((seat, index) => seat.take(groups[index]!))
    seats[0]!.leave()
    seats[0]!.leave()
    expect(watchers()).toEqual([pid])
    seats[1]!.leave()
    await nobody()
    for (const group of groups) expect(groupMembers(group)).not.toHaveLength(0)
  })

  it('is in a session of its own, has nothing of our environment and holds no directory', async () => {
    const watcher = new Watcher()
    const seat = watcher.reserve()
    const pid = await theWatcher()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    expect([Number(group), Number(session)]).toEqual([pid, pid])
    await until('it has become a shell', () => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sh')
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('PATH=/')
    seat.leave()
    await nobody()
  })

  it('goes when the group it was reserved for has not come to be', async () => {
    const watcher = new Watcher()
    watcher.reserve().leave()
    await nobody()
  })

  it('is deaf to the signals that end a service or a terminal\'s program', async () => {
    const watcher = new Watcher()
    const seat = watcher.reserve()
    seat.take(startGroup())
    const pid = await theWatcher()
    await until('it ignores them', () => /SigIgn:\s+0*4007/.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(pid, signal)
    expect(watchers()).toEqual([pid])
    seat.leave()
    await nobody()
  })

  it('a killed watcher is reported, and started again with all groups', async () => {
    const errors: Error[] = []
    const watcher = new Watcher(error => errors.push(error))
    const seats = [watcher.reserve(), watcher.reserve()]
    seats.forEach(seat => seat.take(startGroup()))
    const first = await theWatcher()
    process.kill(first, 'SIGKILL')
    await until('there is another', () => watchers().some(pid => pid !== first))
    expect(errors).toMatchObject([{ code: 'LLMUX_ERR_WATCHER', message: expect.stringContaining('SIGKILL') }])
    seats.forEach(seat => seat.leave())
    await nobody()
    expect(errors).toHaveLength(1)
  })
})
