import { describe, expect, it } from 'vitest'
import type { EngineProcess } from '../../../../lib/orchestrator/driver.ts'
import { OutsideProcess } from '../../../../lib/orchestrator/local/outside-process.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { outcome, pass, settle } from '../helper.ts'

function setUp ({ list = true } = {}) {
  const clock = new FakeClock()
  const log: string[] = []
  const system = { group: true, container: true, runtime: true, gone: 0 }
  const group: EngineProcess = {
    pid: 42,
    lastLines: () => ['last'],
    signal: signal => { log.push(`group ${signal}`) },
    gone: async () => !system.group,
    flushed: async () => {}
  }
  const outside = { signal: (signal: string) => ['tell', signal], end: ['end'], ...(list && { list: ['list'] }) }
  const child = new OutsideProcess(group, {
    clock,
    outside,
    env: {},
    onGone: () => { system.gone++ },
    async tell ([verb, ...words]) {
      log.push([verb, ...words].join(' '))
      if (!system.runtime || (verb === 'tell' && !system.container)) throw new Error('no such container')
      if (verb === 'end') system.container = false
      return verb === 'list' && system.container ? 'id' : ''
    }
  })
  return { clock, log, system, child }
}

describe('an engine outside our process group', () => {
  it('is told by its command, and our group ends by itself', async () => {
    const { child, log } = setUp()
    child.signal('SIGTERM')
    await settle()
    expect(log).toEqual(['tell SIGTERM'])
  })

  it('is told by a signal to our group while there is nothing else to tell', async () => {
    const { child, log, system } = setUp()
    system.container = false
    child.signal('SIGTERM')
    await settle()
    expect(log).toEqual(['tell SIGTERM', 'group SIGTERM'])
  })

  it('leaves nothing at SIGKILL', async () => {
    const { child, log } = setUp()
    child.signal('SIGKILL')
    await settle()
    expect(log).toEqual(['tell SIGKILL', 'group SIGKILL'])
  })

  it('is gone when both are, and is reported once', async () => {
    const { child, system, clock } = setUp()
    expect(await child.gone(10)).toBe(false)
    Object.assign(system, { group: false, container: false })
    expect(await child.gone(10)).toBe(true)
    expect(await child.gone(10)).toBe(true)
    expect(system.gone).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('is ended when its client is gone without it', async () => {
    const { child, system, log } = setUp()
    system.group = false
    expect(await child.gone(10)).toBe(true)
    expect(log).toEqual(['list', 'end', 'list'])
  })

  it('counts as there as long as nobody can tell', async () => {
    const { child, system, clock } = setUp()
    Object.assign(system, { group: false, runtime: false })
    const soon = outcome(child.gone(100).then(gone => { if (!gone) throw new Error('there') }))
    await pass(clock, 200)
    expect(soon.value).toBe('Error: there')
    expect(system.gone).toBe(0)
  })

  it('of which nobody can tell is gone with our group', async () => {
    const { child, system, log } = setUp({ list: false })
    system.group = false
    expect(await child.gone(10)).toBe(true)
    expect(log).toEqual([])
  })
})
