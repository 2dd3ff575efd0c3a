import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ProcessStat } from '../../../../lib/orchestrator/local/proc.ts'
import { identityOf } from '../../../../lib/orchestrator/orphans/identity.ts'
import { Ledger } from '../../../../lib/orchestrator/orphans/ledger.ts'
import { parseLedger } from '../../../../lib/orchestrator/orphans/ledger-content.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { pass } from '../helper.ts'

let base: string
beforeEach(() => { base = mkdtempSync(join(tmpdir(), 'ledger-')) })
afterEach(() => { rmSync(base, { recursive: true }) })

const member = (pid: number, state = 'S'): ProcessStat => ({ pid, state, group: 42, threads: 1, startTime: 100 + pid })

function setUp (bases = [base]) {
  const clock = new FakeClock()
  const errors: Error[] = []
  const group = { members: [member(42)] as ProcessStat[] | undefined, looks: 0 }
  const ledger = new Ledger({
    clock,
    bases,
    onError: error => errors.push(error),
    members: async () => {
      group.looks++
      return group.members
    }
  })
  const files = (at = base) => readdirSync(at, { recursive: true, encoding: 'utf8' }).filter(name => name.includes('.json')).map(name => join(at, name))
  const read = () => parseLedger(readFileSync(files()[0]!, 'utf8'))
  return { clock, errors, group, ledger, files, read }
}

describe.runIf(process.platform === 'linux')('the ledger', () => {
  it('is a file for us alone, with who we are and what we have started', async () => {
    const { ledger, files, read } = setUp()
    ledger.keepDirectory('/run/llmux-abcdef')
    ledger.add(process.pid)
    const [file] = files()
    expect(files()).toHaveLength(1)
    expect(statSync(file!).mode & 0o777).toBe(0o600)
    expect(statSync(join(file!, '..')).mode & 0o777).toBe(0o700)
    expect(read()).toEqual({
      version: 1,
      realm: { bootId: expect.stringMatching(/^[\da-f-]{36}$/), namespace: expect.stringMatching(/^pid:\[\d+\]$/) },
      owner: identityOf(process.pid),
      directory: '/run/llmux-abcdef',
      groups: [{ id: process.pid, members: [identityOf(process.pid)] }]
    })
  })

  it('is there exactly while there is something in it', () => {
    const { ledger, files } = setUp()
    expect(files()).toEqual([])
    ledger.add(process.pid)
    ledger.keepDirectory('/run/llmux-abcdef')
    ledger.remove(process.pid)
    expect(files()).toHaveLength(1)
    ledger.keepDirectory(undefined)
    expect(files()).toEqual([])
  })

  it('lists later processes, and no dead ones', async () => {
    const { ledger, group, clock, read } = setUp()
    ledger.add(42)
    group.members = [member(50), member(42), member(43, 'Z')]
    await pass(clock, 500)
    expect(read().groups).toEqual([{ id: 42, members: [{ pid: 42, startTime: 142 }, { pid: 50, startTime: 150 }] }])
  })

  it.each([[[]], [undefined]])('keeps what it knows when nobody is to be seen: %j', async members => {
    const { ledger, group, clock, read } = setUp()
    ledger.add(42)
    await pass(clock, 500)
    group.members = members
    await pass(clock, 100_000)
    expect(read().groups[0]!.members).toHaveLength(1)
  })

  it('looks soon after each change, then less and less often, and not at all when nobody is left', async () => {
    const { ledger, group, clock } = setUp()
    ledger.add(42)
    await pass(clock, 1_600)
    expect(group.looks).toBe(2)
    await pass(clock, 600_000)
    const { looks } = group
    expect(looks).toBeLessThan(20)
    ledger.touch()
    await pass(clock, 500)
    expect(group.looks).toBe(looks + 1)
    ledger.remove(42)
    expect(clock.pending).toBe(0)
  })

  it('looks also when changes come faster than looks', async () => {
    const { ledger, group, clock } = setUp()
    ledger.add(42)
    for (let time = 0; time < 5_000; time += 100) {
      ledger.touch()
      await pass(clock, 100)
    }
    expect(group.looks).toBeGreaterThanOrEqual(8)
    expect(group.looks).toBeLessThanOrEqual(10)
  })

  it('comes again where its directory was tidied away', () => {
    const { ledger, files, errors } = setUp()
    ledger.add(process.pid)
    rmSync(join(files()[0]!, '..'), { recursive: true })
    ledger.keepDirectory('/run/llmux-abcdef')
    expect(files()).toHaveLength(1)
    expect(errors).toEqual([])
  })

  it('is kept in the first place that will do', () => {
    const other = mkdtempSync(join(tmpdir(), 'ledger-'))
    const { ledger, files, errors } = setUp(['/no/such/place\0', other])
    ledger.add(process.pid)
    expect(files(other)).toHaveLength(1)
    expect(errors).toEqual([])
    rmSync(other, { recursive: true })
  })

  it('is not kept where others could write; that is told once', () => {
    const directory = join(base, `llmux-state-${process.getuid!()}`)
    mkdirSync(directory)
    chmodSync(directory, 0o777)
    const { ledger, files, errors } = setUp()
    ledger.add(process.pid)
    ledger.keepDirectory('/run/llmux-abcdef')
    expect(files()).toEqual([])
    expect(errors).toMatchObject([{ code: 'LLMUX_ERR_LEDGER', message: expect.stringContaining('not ours alone') }])
  })

  it('is one of its own for each of several in one process', () => {
    const one = setUp()
    const two = setUp()
    one.ledger.add(process.pid)
    two.ledger.add(process.pid)
    expect(one.files()).toHaveLength(2)
  })
})
