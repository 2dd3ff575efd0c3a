import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../../clock.ts'
import { LedgerError } from '../../errors.ts'
import { groupMembers, isAlive, type ProcessStat } from '../local/proc.ts'
import { identityOf, pidRealm, type ProcessIdentity } from './identity.ts'
import type { LedgerContent } from './ledger-content.ts'
import type { OutsideRecord } from './outside.ts'
import { firstStateDirectory, runtimeBases } from './state-directory.ts'

export interface LedgerOptions {
  clock: Clock
  onError: (error: Error) => void
  /** Where the file may be: in the first of these directories that will do. */
  bases?: string[]
  members?: (group: number) => Promise<ProcessStat[] | undefined>
}

/** EngineCore and workers come after the leader, some of them late: looked at soon after every change, then less often. Milliseconds. */
const firstPause = 500
const longestPause = 60_000

let ledgers = 0

/**
 * A file with the process groups that would outlive us if we were killed together with the watcher: the next gateway reads
 * it and ends them. A group is known by its number and its members' numbers and start times; what stands in the
 * environment or the command line of vLLM's processes cannot be read. There is a file exactly while there is something in it.
 */
export class Ledger {
  readonly #clock: Clock
  readonly #onError: (error: Error) => void
  readonly #bases: string[]
  readonly #members: NonNullable<LedgerOptions['members']>
  readonly #name: string
  readonly #groups = new Map<number, ProcessIdentity[]>()
  readonly #outside = new Set<OutsideRecord>()
  readonly #owner = identityOf(process.pid)
  readonly #realm = pidRealm()
  #directory: string | undefined
  #file: string | undefined
  #timer: Timer
  #pause = firstPause
  #lookAt = Infinity
  #failed = false

  constructor ({ clock, onError, bases = runtimeBases(), members = groupMembers }: LedgerOptions) {
    this.#clock = clock
    this.#onError = onError
    this.#bases = bases
    this.#members = members
    this.#name = `${process.pid}-${this.#owner?.startTime}-${++ledgers}.json`
  }

  /** A group that has just been started. */
  add (group: number): void {
    const leader = identityOf(group)
    this.#groups.set(group, leader === undefined ? [] : [leader])
    this.#save()
    this.touch()
  }

  /** A group that is gone. */
  remove (group: number): void {
    this.#groups.delete(group)
    this.#save()
    if (this.#groups.size === 0) this.#lookLater()
  }

  /** What a group has started outside of itself. */
  addOutside (outside: OutsideRecord): void {
    this.#outside.add(outside)
    this.#save()
  }

  /** It is gone. */
  removeOutside (outside: OutsideRecord): void {
    this.#outside.delete(outside)
    this.#save()
  }

  /** The directory of sockets there is now. */
  keepDirectory (path: string | undefined): void {
    this.#directory = path
    this.#save()
  }

  /** Something has changed: there may be other processes than before. */
  touch (): void {
    this.#pause = firstPause
    // However fast things change, a look comes about.
    if (this.#lookAt > this.#clock.now() + firstPause) this.#lookLater()
  }

  #lookLater (): void {
    this.#clock.clearTimeout(this.#timer)
    this.#lookAt = Infinity
    if (this.#groups.size === 0) return
    this.#lookAt = this.#clock.now() + this.#pause
    this.#timer = this.#clock.setTimeout(() => {
      this.#refresh().catch(error => this.#fail(error)).finally(() => this.#lookLater())
    }, this.#pause)
    this.#pause = Math.min(2 * this.#pause, longestPause)
  }

  async #refresh (): Promise<void> {
    const before = JSON.stringify([...this.#groups])
    await Promise.all([...this.#groups.keys()].map(async group => {
      const alive = (await this.#members(group))?.filter(isAlive) ?? []
      // Gone meanwhile, or not to be seen: what is known stays.
      if (!this.#groups.has(group) || alive.length === 0) return
      this.#groups.set(group, alive.map(({ pid, startTime }) => ({ pid, startTime })).sort((a, b) => a.pid - b.pid))
    }))
    if (JSON.stringify([...this.#groups]) !== before) this.#save()
  }

  #save (): void {
    // Without /proc the gateway's processes could not be told from others later.
    if (this.#realm === undefined || this.#owner === undefined) return
    try {
      if (this.#groups.size > 0 || this.#outside.size > 0 || this.#directory !== undefined) this.#write(this.#realm, this.#owner)
      else if (this.#file !== undefined) rmSync(this.#file, { force: true })
      this.#failed = false
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #write (realm: LedgerContent['realm'], owner: ProcessIdentity): void {
    this.#file = join(firstStateDirectory(this.#bases), this.#name)
    const groups = [...this.#groups].map(([id, members]) => ({ id, members }))
    const content: LedgerContent = { version: 1, realm, owner, directory: this.#directory, groups, ...(this.#outside.size > 0 && { outside: [...this.#outside].map(({ end, list }) => ({ end, ...(list && { list }) })) }) }
    const draft = `${this.#file}.tmp`
    writeFileSync(draft, JSON.stringify(content), { mode: 0o600 })
    // Renamed into place, so that readers see a complete file.
    renameSync(draft, this.#file)
  }

  /** Told once, not at every change. */
  #fail (error: Error): void {
    if (!this.#failed) this.#onError(new LedgerError(this.#file ?? this.#name, error.message, { cause: error }))
    this.#failed = true
  }
}
