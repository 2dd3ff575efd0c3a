import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, namespace, processStat } from './proc.js'
import { Records } from './records.js'

/**
 * @typedef {object} Entry what one engine holds
 * @property {string} name
 * @property {number} mib
 * @property {number} lag ms from the end of the last holder until the memory is free
 * @property {{ pid: number, start: string, namespace?: string }[]} holders
 * @property {number} [goneAt] when the last holder was seen to be gone, by whoever looked first
 */

const defaultTotal = 24576

/** @param {string} file @returns {any} */
function readJson (file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // taken away by another reader in between
  }
}

/** Renamed into place, so that no reader sees half a file. @param {string} file @param {unknown} value */
function writeJson (file, value) {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, JSON.stringify(value))
  renameSync(draft, file)
}

/** A GPU that several mocks share: a directory with one small file per engine, true as long as the process it names lives. */
export class Gpu {
  #dir
  #engines
  /** MiB */
  total

  /** @param {string} dir @param {number} [total] MiB; 0 takes what the directory says */
  constructor (dir, total = 0) {
    this.#dir = dir
    this.#engines = join(dir, 'engines')
    mkdirSync(this.#engines, { recursive: true })
    const about = join(dir, 'gpu.json')
    const known = existsSync(about) ? readJson(about) : undefined
    // Devices beside the first lie in its directory, and are like it.
    this.total = total || known?.totalMiB || readJson(join(dir, '..', 'gpu.json'))?.totalMiB || defaultTotal
    if (this.total !== known?.totalMiB) writeJson(about, { ...known, totalMiB: this.total })
  }

  /** What is held now, by everybody. Entries of the dead are kept for their lag, then dropped. @returns {Entry[]} */
  entries () {
    const files = readdirSync(this.#engines).filter((name) => name.endsWith('.json'))
    return files.flatMap((name) => {
      const file = join(this.#engines, name)
      /** @type {Entry | undefined} */
      const entry = readJson(file)
      if (entry === undefined) return []
      if (entry.holders.some(isAlive)) return [entry]
      if (entry.goneAt === undefined) {
        entry.goneAt = Date.now()
        writeJson(file, entry)
        // A killed process cannot write its own end.
        new Records({ record: '', gpu: this.#dir, name: entry.name }, { api: 0, core: entry.holders[0]?.pid ?? 0 }).write('gone', { mib: entry.mib })
      }
      if (Date.now() - entry.goneAt < entry.lag) return [entry]
      rmSync(file, { force: true })
      return []
    })
  }

  /** MiB */
  get used () {
    return this.entries().reduce((sum, entry) => sum + entry.mib, 0)
  }

  /** @param {string} name @param {number} lag ms */
  open (name, lag) {
    return new GpuShare(this, join(this.#engines, `${process.pid}-${namespace.replace(/\D/g, '')}.json`), { name, lag, mib: 0, holders: [identity(process.pid)] })
  }
}

/** @param {number} pid */
function identity (pid) {
  return { pid, start: processStat(pid)?.start ?? '', namespace }
}

/** How many devices a directory stands for. Device 0 is the directory itself, the others lie in it. @param {string} dir */
export function deviceCount (dir) {
  return readJson(join(dir, 'gpu.json'))?.devices ?? 1
}

/** @param {string} dir @param {number} index */
export function deviceDirectory (dir, index) {
  return index === 0 ? dir : join(dir, `device-${index}`)
}

/** @param {string} dir @param {number} index */
export const deviceUuid = (dir, index) => `GPU-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}-0000-4000-8000-${String(index).padStart(12, '0')}`

/**
 * The devices that an engine sees, as CUDA has it: those that the variable names, in its order, up to the first that is not there.
 * @param {string} dir
 * @param {string | undefined} names `CUDA_VISIBLE_DEVICES`
 */
export function visibleDevices (dir, names) {
  const all = Array.from({ length: deviceCount(dir) }, (_, index) => index)
  if (names === undefined) return all
  const named = names.split(',').map((name) => all.find((index) => name.trim() === String(index) || name.trim() === deviceUuid(dir, index)))
  const end = named.indexOf(undefined)
  return /** @type {number[]} */ (end < 0 ? named : named.slice(0, end))
}

/** What one engine holds of each of its GPUs: of all of them the same. */
export class GpuShares {
  #shares

  /** @param {GpuShare[]} shares at least one */
  constructor (shares) {
    this.#shares = shares
  }

  get total () {
    return /** @type {GpuShare} */ (this.#shares[0]).total
  }

  get mib () {
    return /** @type {GpuShare} */ (this.#shares[0]).mib
  }

  /** @param {number} pid */
  addHolder (pid) {
    this.#shares.forEach((share) => share.addHolder(pid))
  }

  /** @param {number} mib */
  set (mib) {
    this.#shares.forEach((share) => share.set(mib))
  }

  /** @param {number} mib @param {number} [free] @returns {number | undefined} as `GpuShare.claim`, of the first that has too little */
  claim (mib, free = mib) {
    const before = this.mib
    for (const share of this.#shares) {
      const few = share.claim(mib, free)
      if (few === undefined) continue
      this.set(before)
      return few
    }
    return undefined
  }

  end () {
    this.#shares.forEach((share) => share.end())
  }
}

/** What one engine holds of a GPU. */
export class GpuShare {
  #gpu
  #file
  #entry

  /** @param {Gpu} gpu @param {string} file @param {Entry} entry */
  constructor (gpu, file, entry) {
    this.#gpu = gpu
    this.#file = file
    this.#entry = entry
  }

  get total () {
    return this.#gpu.total
  }

  get mib () {
    return this.#entry.mib
  }

  /** Workers hold the memory as much as EngineCore does: it is free when the last of them is gone. @param {number} pid */
  addHolder (pid) {
    this.#entry.holders.push(identity(pid))
    if (this.#entry.mib > 0) writeJson(this.#file, this.#entry)
  }

  /** @param {number} mib */
  set (mib) {
    this.#entry.mib = mib
    writeJson(this.#file, this.#entry)
  }

  /**
   * Takes first and looks afterwards: of two that come at the same moment at least one sees the other.
   * @param {number} mib wanted in all
   * @param {number} [free] MiB that must be free beforehand, with what is held already counted as free
   * @returns {number | undefined} the MiB that were free when they were too few; nothing when all is well
   */
  claim (mib, free = mib) {
    const before = this.#entry.mib
    this.set(mib)
    const available = this.#gpu.total - (this.#gpu.used - mib)
    if (available >= free && available >= mib) return undefined
    this.set(before)
    return Math.max(0, available - before)
  }

  /** At an orderly end the lag begins now, not when somebody looks. */
  end () {
    if (this.#entry.mib > 0) writeJson(this.#file, { ...this.#entry, goneAt: Date.now() })
  }
}
