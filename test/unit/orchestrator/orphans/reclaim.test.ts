import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../../lib/clock.ts'
import type { ProcessIdentity } from '../../../../lib/orchestrator/orphans/identity.ts'
import { identityOf, pidRealm } from '../../../../lib/orchestrator/orphans/identity.ts'
import type { LedgerContent } from '../../../../lib/orchestrator/orphans/ledger-content.ts'
import { reclaimOrphans } from '../../../../lib/orchestrator/orphans/reclaim.ts'
import { groupMembers } from '../../../helpers/engine-process.ts'

let base: string
let directory: string
const children: ChildProcess[] = []

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'reclaim-'))
  directory = join(base, `llmux-state-${process.getuid!()}`)
  mkdirSync(directory, { mode: 0o700 })
})

afterEach(() => {
  for (const child of children.splice(0)) {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // It ended in the test.
    }
  }
  rmSync(base, { recursive: true })
})

/** A group of two. */
async function startGroup () {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  const [text] = await once(child.stdout!, 'data')
  const leader = identityOf(child.pid!)!
  return { id: leader.pid, leader, other: identityOf(Number(String(text)))! }
}

/** A process that was, and is not any more. */
function theDead (): ProcessIdentity {
  const { pid } = spawnSync('/bin/true')
  return { pid, startTime: 1 }
}

function write (changes: Partial<LedgerContent>, name = `${theDead().pid}-1-1.json`): string {
  const file = join(directory, name)
  const content: LedgerContent = { version: 1, realm: pidRealm()!, owner: theDead(), directory: undefined, groups: [], ...changes }
  writeFileSync(file, JSON.stringify(content))
  return file
}

async function reclaim () {
  const warnings: Array<Error & { code?: string }> = []
  const found = await reclaimOrphans({ clock: systemClock, bases: [base, '/no/such/place', base], warn: error => warnings.push(error) })
  return { found, warnings }
}

const alive = ({ id }: { id: number }) => groupMembers(id).length

describe.runIf(process.platform === 'linux')('what a gateway that was killed has left', () => {
  it('is ended, and its file is gone', async () => {
    const groups = [await startGroup(), await startGroup()]
    write({ groups: groups.map(({ id, leader }) => ({ id, members: [leader] })) })
    const { found, warnings } = await reclaim()
    expect(found).toBe(true)
    expect(groups.map(alive)).toEqual([0, 0])
    expect(readdirSync(directory)).toEqual([])
    expect(warnings).toMatchObject([{ code: 'LLMUX_ERR_ORPHANS', message: expect.stringContaining(`process groups ${groups[0]!.id}, ${groups[1]!.id} have been ended`) }])
  })

  it('is ended also when its first process is dead', async () => {
    const group = await startGroup()
    write({ groups: [{ id: group.id, members: [group.leader, group.other] }] })
    process.kill(group.id, 'SIGKILL')
    await once(children[0]!, 'exit')
    expect(alive(group)).toBe(1)
    expect((await reclaim()).found).toBe(true)
    expect(alive(group)).toBe(0)
  })

  it('is left alone if it is another process with a reused number', async () => {
    const group = await startGroup()
    const wrong = (process: ProcessIdentity) => ({ ...process, startTime: process.startTime - 1 })
    write({ groups: [{ id: group.id, members: [wrong(group.leader), wrong(group.other)] }] })
    const { found, warnings } = await reclaim()
    expect(found).toBe(false)
    expect(alive(group)).toBe(2)
    expect(readdirSync(directory)).toEqual([])
    expect(warnings).toEqual([])
  })

  it('is left alone if the one who is known is in another group now', async () => {
    const [group, other] = [await startGroup(), await startGroup()]
    write({ groups: [{ id: group.id, members: [other.leader] }, { id: theDead().pid, members: [other.leader] }] })
    expect((await reclaim()).found).toBe(false)
    expect([alive(group), alive(other)]).toEqual([2, 2])
  })

  it('is nobody else\'s business while the gateway lives', async () => {
    const [group, owner] = [await startGroup(), await startGroup()]
    const file = write({ owner: owner.leader, groups: [{ id: group.id, members: [group.leader] }] })
    expect((await reclaim()).found).toBe(false)
    expect(alive(group)).toBe(2)
    expect(existsSync(file)).toBe(true)
  })

  it('is ended when the gateway\'s number is somebody else\'s now', async () => {
    const [group, other] = [await startGroup(), await startGroup()]
    write({ owner: { ...other.leader, startTime: 1 }, groups: [{ id: group.id, members: [group.leader] }] })
    expect((await reclaim()).found).toBe(true)
    expect([alive(group), alive(other)]).toEqual([0, 2])
  })

  it('is nothing after another boot, whatever the numbers say', async () => {
    const group = await startGroup()
    write({ realm: { ...pidRealm()!, bootId: 'another' }, groups: [{ id: group.id, members: [group.leader] }] })
    expect((await reclaim()).found).toBe(false)
    expect(alive(group)).toBe(2)
    expect(readdirSync(directory)).toEqual([])
  })

  it('is not to be told from here in another container', async () => {
    const group = await startGroup()
    const file = write({ realm: { ...pidRealm()!, namespace: 'pid:[1]' }, groups: [{ id: group.id, members: [group.leader] }] })
    expect((await reclaim()).found).toBe(false)
    expect(alive(group)).toBe(2)
    expect(existsSync(file)).toBe(true)
  })

  it('is a directory of sockets, too', async () => {
    const sockets = mkdtempSync(join(base, 'llmux-'))
    writeFileSync(join(sockets, 'a.sock'), '')
    write({ directory: sockets })
    await reclaim()
    expect(existsSync(sockets)).toBe(false)
  })

  it('is no directory that only has another\'s name', async () => {
    const directories = ['llmux-state-0', 'llmux-1234567', 'home', 'llmux-abcdef'].map(name => join(base, name))
    directories.slice(0, -1).forEach(path => mkdirSync(path, { recursive: true }))
    writeFileSync(directories.at(-1)!, 'a file')
    directories.forEach((path, index) => write({ directory: path }, `${theDead().pid}-1-${index + 1}.json`))
    await reclaim()
    expect(directories.map(path => existsSync(path))).toEqual([true, true, true, true])
  })

  it.each(['', '{"version":1', '{"version":1,"groups":[{"id":1}]}'])('is told of and removed if it cannot be read, and nothing else suffers: %j', async text => {
    const group = await startGroup()
    writeFileSync(join(directory, '7-7-7.json'), text)
    write({ groups: [{ id: group.id, members: [group.leader] }] })
    const { found, warnings } = await reclaim()
    expect(found).toBe(true)
    expect(alive(group)).toBe(0)
    expect(readdirSync(directory)).toEqual([])
    expect(warnings.map(warning => warning.code).sort()).toEqual(['LLMUX_ERR_LEDGER', 'LLMUX_ERR_ORPHANS'])
  })

  it('is a draft that was never put in its place, unless its writer lives', async () => {
    const { pid, startTime } = identityOf(process.pid)!
    const [old, live] = [`${theDead().pid}-1-1.json.tmp`, `${pid}-${startTime}-1.json.tmp`]
    for (const name of [old, live]) writeFileSync(join(directory, name), '{')
    expect((await reclaim()).warnings).toEqual([])
    expect(readdirSync(directory)).toEqual([live])
  })

  it('is none of what others have put there', async () => {
    writeFileSync(join(directory, 'notes.json'), 'hello')
    await reclaim()
    expect(readdirSync(directory)).toEqual(['notes.json'])
  })

  it('is not believed where others could have written it', async () => {
    const group = await startGroup()
    write({ groups: [{ id: group.id, members: [group.leader] }] })
    chmodSync(directory, 0o777)
    const { found, warnings } = await reclaim()
    expect(found).toBe(false)
    expect(alive(group)).toBe(2)
    expect(warnings).toMatchObject([{ code: 'LLMUX_ERR_LEDGER', message: expect.stringContaining('not ours alone') }])
  })

  it('is nothing where there never was a gateway', async () => {
    rmSync(directory, { recursive: true })
    expect(await reclaim()).toEqual({ found: false, warnings: [] })
  })
})
