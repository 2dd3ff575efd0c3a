import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../../clock.ts'
import { LedgerError } from '../../errors.ts'
import { identityOf, lives, pidRealm, type PidRealm } from '../orphans/identity.ts'
import { firstStateDirectory, isOurs, runtimeBases, stateDirectory } from '../orphans/state-directory.ts'

/** Another gateway that holds a GPU. */
export interface GpuHolder {
  gpu: string
  pid: number
}

export interface GpuClaimsOptions {
  clock: Clock
  onError: (error: Error) => void
  /** GPUs that another gateway held are ours now. */
  onTakenOver: () => void
  /** Where claims may be. A new one goes into the first of these directories that will do. */
  bases?: string[]
}

/** How often a gateway looks whether a GPU has become free. Milliseconds; up to half as much again, so that two gateways do not look in step. */
const pollInterval = 1_000

/** GPU, process number and start time of its gateway, a number of the claimer's own, realm with the boot at its end. */
const claimName = /^gpu-(.+)\.(\d+)-(\d+)-\d+\.(\w+\.([\w-]+))\.claim$/

let claimers = 0

/**
 * One gateway per GPU. A claim is an empty file beside the ledgers. Its name says whose it is, so it is void as soon as that
 * process is gone, SIGKILL included. A gateway writes its claim first, then looks for others: of two that claim at the
 * same time at least one sees the other, and withdraws.
 *
 * Gateways of other users, and of containers with other pid namespaces, are not seen.
 */
export class GpuClaims {
  readonly #options: GpuClaimsOptions
  readonly #bases: string[]
  readonly #realm: string | undefined
  /** What the names of our claims end with. */
  readonly #suffix: string
  /** By GPU, the file. */
  readonly #held = new Map<string, string>()
  /** What others hold, as it was asked for: together or not at all. */
  readonly #wanted = new Map<string, readonly string[]>()
  #timer: Timer
  #failed = false
  #closed = false

  constructor (options: GpuClaimsOptions) {
    this.#options = options
    this.#bases = options.bases ?? runtimeBases()
    const [owner, realm] = [identityOf(process.pid), pidRealm()]
    // Without /proc nobody could tell whether the owner of a claim lives.
    this.#realm = owner && realm && textOf(realm)
    this.#suffix = `${owner?.pid}-${owner?.startTime}-${++claimers}.${this.#realm}.claim`
  }

  /** Claims all of these GPUs, or none: then it says who holds one of them, and goes on trying in the background. */
  take (gpus: readonly string[]): GpuHolder | undefined {
    if (this.#realm === undefined || this.#closed) return undefined
    const missing = gpus.filter(gpu => !this.#held.has(gpu))
    for (const gpu of missing) {
      const holder = this.#try(gpu)
      if (holder === undefined) continue
      missing.forEach(gpu => this.#drop(gpu))
      this.#wanted.set(gpus.join(), gpus)
      this.#pollLater()
      return holder
    }
    // Called before anything starts on newly free GPUs, whether a request or the timer found them.
    if (this.#wanted.delete(gpus.join())) this.#options.onTakenOver()
    return undefined
  }

  close (): void {
    this.#closed = true
    this.#options.clock.clearTimeout(this.#timer)
    this.#wanted.clear()
    for (const gpu of [...this.#held.keys()]) this.#drop(gpu)
  }

  #try (gpu: string): GpuHolder | undefined {
    try {
      const file = join(firstStateDirectory(this.#bases), `gpu-${encodeURIComponent(gpu)}.${this.#suffix}`)
      writeFileSync(file, '', { mode: 0o600 })
      this.#held.set(gpu, file)
      const pid = this.#rival(gpu)
      if (pid === undefined) return undefined
      this.#drop(gpu)
      return { gpu, pid }
    } catch (error) {
      this.#fail(error as Error)
      // Better two gateways on a GPU than none because a directory is full.
      return undefined
    }
  }

  /** The process number of another living gateway that claims it. Void claims are removed on the way. */
  #rival (gpu: string): number | undefined {
    for (const directory of new Set(this.#bases.map(stateDirectory))) {
      for (const name of claimsIn(directory)) {
        const [, claimed = '', pid, startTime, realm, bootId] = claimName.exec(name)!
        if (decodeURIComponent(claimed) !== gpu || name.endsWith(`.${this.#suffix}`)) continue
        const sameBoot = this.#realm!.endsWith(`.${bootId}`)
        // Process numbers of another container say nothing here.
        if (sameBoot && realm !== this.#realm) continue
        if (sameBoot && lives({ pid: Number(pid), startTime: Number(startTime) })) return Number(pid)
        rmSync(join(directory, name), { force: true })
      }
    }
    return undefined
  }

  #drop (gpu: string): void {
    const file = this.#held.get(gpu)
    this.#held.delete(gpu)
    try {
      if (file !== undefined) rmSync(file, { force: true })
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #pollLater (): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => [...this.#wanted.values()].forEach(gpus => this.take(gpus)), pollInterval * (1 + Math.random() / 2))
  }

  /** Told once, not at every try. */
  #fail (error: Error): void {
    if (!this.#failed) this.#options.onError(new LedgerError('gpu-*.claim', error.message, { cause: error }))
    this.#failed = true
  }
}

const textOf = ({ namespace, bootId }: PidRealm): string => `${namespace.replace(/\W/g, '')}.${bootId}`

function claimsIn (directory: string): string[] {
  try {
    return isOurs(directory) ? readdirSync(directory).filter(name => claimName.test(name)) : []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
