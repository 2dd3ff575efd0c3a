import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { LedgerError, OrphansError } from '../../errors.ts'
import { groupMembers, isAlive } from '../local/proc.ts'
import { ProcessGroup } from '../local/process-group.ts'
import { lives, pidRealm, type PidRealm } from './identity.ts'
import { parseLedger, type LedgerContent, type LedgerGroup } from './ledger-content.ts'
import { endOutside, type OutsideRecord } from './outside.ts'
import { isOurs, runtimeBases, stateDirectory } from './state-directory.ts'

export interface ReclaimOptions {
  clock: Clock
  warn: (error: Error) => void
  /** Where gateways may have left their files. */
  bases?: string[]
}

/** After SIGKILL: what is not gone by then is stuck in the kernel. Milliseconds. */
const killLimit = 5_000

/** As a ledger names itself: the gateway's number and start time; a draft of it, too. */
const ledgerName = /^(\d+)-(\d+)-\d+\.json(\.tmp)?$/

/**
 * Ends what gateways that were killed have left behind, and removes their files. Nothing is ended that is not certain to be
 * theirs: one of the processes they wrote down must still be there, of the same start time and in the same group. Resolves
 * with whether there was anything to end; does not reject.
 */
export async function reclaimOrphans ({ clock, warn, bases = runtimeBases() }: ReclaimOptions): Promise<boolean> {
  const realm = pidRealm()
  if (realm === undefined) return false
  const files = [...new Set(bases)].flatMap(base => ledgerFiles(stateDirectory(base), warn))
  const found = await Promise.all(files.map(file => reclaim(file, realm, { clock, warn }).catch((error: Error) => {
    warn(new LedgerError(file, error.message, { cause: error }))
    return false
  })))
  return found.includes(true)
}

function ledgerFiles (directory: string, warn: (error: Error) => void): string[] {
  try {
    const names = readdirSync(directory)
    if (!isOurs(directory)) throw new Error('its directory is not ours alone')
    return names.filter(name => ledgerName.test(name)).map(name => join(directory, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(new LedgerError(directory, (error as Error).message, { cause: error }))
    return []
  }
}

async function reclaim (file: string, realm: PidRealm, { clock, warn }: Pick<ReclaimOptions, 'clock' | 'warn'>): Promise<boolean> {
  const [, pid, startTime, draft] = ledgerName.exec(basename(file))!
  if (draft !== undefined) {
    if (!lives({ pid: Number(pid), startTime: Number(startTime) })) rmSync(file, { force: true })
    return false
  }
  const content = readLedger(file, warn)
  if (content === undefined || isNoneOfOurs(content, realm)) return false
  // After another boot nothing of it can be alive, even under the same number.
  const sameBoot = content.realm.bootId === realm.bootId
  const groups = sameBoot ? await orphaned(content.groups) : []
  const left = (await Promise.all(groups.map(({ id }) => end(id, clock)))).flatMap(group => group ?? [])
  if (groups.length > 0) warn(new OrphansError(report(groups, left)))
  const outside = sameBoot ? await endAllOutside(content.outside ?? [], warn) : { found: false, left: false }
  // The next gateway tries again to end these processes.
  if (left.length > 0 || outside.left) return true
  if (content.directory !== undefined) removeSockets(content.directory)
  rmSync(file, { force: true })
  return groups.length > 0 || outside.found
}

function readLedger (file: string, warn: (error: Error) => void): LedgerContent | undefined {
  try {
    return parseLedger(readFileSync(file, 'utf8'))
  } catch (error) {
    // Another gateway was quicker.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    warn(new LedgerError(file, (error as Error).message, { cause: error }))
    rmSync(file, { force: true })
    return undefined
  }
}

/** Process numbers of another container mean nothing here; and a living gateway stops its engines itself. */
function isNoneOfOurs ({ realm: { bootId, namespace }, owner }: LedgerContent, realm: PidRealm): boolean {
  return bootId === realm.bootId && (namespace !== realm.namespace || lives(owner))
}

/** The groups of which somebody is left who is known. */
async function orphaned (groups: LedgerGroup[]): Promise<LedgerGroup[]> {
  const known = await Promise.all(groups.map(async ({ id, members }) => {
    const alive = (await groupMembers(id))?.filter(isAlive) ?? []
    return alive.some(process => members.some(({ pid, startTime }) => pid === process.pid && startTime === process.startTime))
  }))
  return groups.filter((_, index) => known[index])
}

/** Resolves with the group's number if it does not go. */
async function end (id: number, clock: Clock): Promise<number | undefined> {
  const group = new ProcessGroup(id, { clock, onEmpty: () => {} })
  group.signal('SIGKILL')
  return await group.waitEmpty(killLimit) ? undefined : id
}

/** After the groups: who starts containers must not start another. Whether any were there, and whether any still are. */
async function endAllOutside (all: OutsideRecord[], warn: (error: Error) => void): Promise<{ found: boolean, left: boolean }> {
  const results = await Promise.all(all.map(async outside => {
    const name = outside.end.at(-1)!
    try {
      const found = await endOutside(outside)
      if (found) warn(new OrphansError(`${name} has been ended`))
      return { found, left: false }
    } catch (error) {
      warn(new OrphansError(`${name} cannot be ended: ${(error as Error).message}`))
      return { found: true, left: true }
    }
  }))
  return { found: results.some(({ found }) => found), left: results.some(({ left }) => left) }
}

function report (groups: LedgerGroup[], left: number[]): string {
  const names = groups.map(({ id }) => id).join(', ')
  return left.length === 0 ? `process groups ${names} have been ended` : `of process groups ${names} some cannot be ended: ${left.join(', ')}`
}

/** Only what we ourselves might have made: the file may have been tampered with. */
function removeSockets (directory: string): void {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  if (!/^llmux-\w{6}$/.test(basename(directory)) || stats?.isDirectory() !== true || stats.uid !== process.getuid?.()) return
  rmSync(directory, { recursive: true, force: true })
}
