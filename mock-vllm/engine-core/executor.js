import { setTimeout as delay } from 'node:timers/promises'

/**
 * @typedef {object} Operation
 * @property {number} id
 * @property {'sleep' | 'wake' | 'reload' | 'reset' | 'is_sleeping'} op
 * @property {number} [level]
 * @property {string[]} [tags]
 * @property {number} [leak] MiB that this sleep leaves on the GPU for good
 * @property {import('../faults.js').Fault} [fault]
 */
/** @typedef {{ error?: string, sleeping: boolean, valid: boolean }} Answer */

/** @param {number} mib */
const gib = (mib) => (mib / 1024).toFixed(2)

const allTags = ['weights', 'kv_cache']

/** What sleeps, what is loaded, and how much memory that takes: `vllm/v1/executor/abstract.py` without the work. */
export class Executor {
  /** @type {Set<string>} */
  #sleepingTags = new Set()
  /** false from a sleep at level 2 until the weights are read again: answers are garbage */
  #valid = true
  /** MiB lost to earlier sleeps */
  #leaked = 0
  /** a wake has failed: nothing but the end of the process helps */
  #broken = false
  #hasSlept = false
  /** host memory that is never given back @type {Buffer | undefined} */
  #pinned
  #config
  #share
  #mib
  #records
  #log

  /**
   * @param {object} engine
   * @param {import('../args.js').Config} engine.config
   * @param {import('../gpu.js').GpuShares | undefined} engine.share
   * @param {number} engine.mib
   * @param {import('../records.js').Records} engine.records
   * @param {import('../log.js').Log} engine.log
   */
  constructor ({ config, share, mib, records, log }) {
    this.#config = config
    this.#share = share
    this.#mib = mib
    this.#records = records
    this.#log = log
  }

  /** @param {Operation} operation @returns {Promise<Answer>} */
  async run (operation) {
    try {
      await this.#fail(operation)
      if (operation.op === 'sleep') await this.#sleep(operation)
      if (operation.op === 'wake') await this.#wake(operation.tags)
      if (operation.op === 'reload') await this.#reload(operation.fault?.kind === 'garbage')
      if (operation.op === 'reset') await delay(this.#config.resetMs)
      return this.#answer()
    } catch (error) {
      const message = /** @type {Error} */ (error).message
      this.#log('ERROR', 'core.py:1750', `Invocation of ${operation.op} method failed\nTraceback (most recent call last):\n${message}`)
      this.#records.write(`${operation.op}-failed`, { why: message })
      return { ...this.#answer(), error: message }
    }
  }

  /** @returns {Answer} */
  #answer () {
    return { sleeping: this.#sleepingTags.size > 0, valid: this.#valid }
  }

  /** @param {Operation} operation */
  async #fail ({ op, fault }) {
    if (fault === undefined) return
    if (fault.kind === 'slow') return await delay(Number(fault.arg))
    if (fault.kind === '500') throw new Error(`Call to ${op} method failed: ${fault.arg || 'mock fault'}`)
    if (fault.kind === 'oom') throw new Error('Call to wake_up method failed: CUDA Error: out of memory at csrc/cumem_allocator.cpp:119')
    if (fault.kind === 'hang') await new Promise(() => {})
    if (fault.kind === 'crash') {
      await delay(Number(fault.arg) || 1)
      process.kill(process.pid, 'SIGKILL')
      await new Promise(() => {})
    }
  }

  /** @param {Operation} operation */
  async #sleep ({ level = 1, leak = 0, fault }) {
    if (this.#sleepingTags.has('weights')) return this.#log('WARNING', 'abstract.py:384', 'Executor is already sleeping.')
    const began = performance.now()
    const before = this.#share?.mib ?? this.#mib
    await delay(this.#config.sleepMs + (this.#hasSlept ? 0 : this.#config.pinMs))
    this.#hasSlept = true
    // Written to, or the kernel would not give it yet.
    if (level === 1) this.#pinned ??= Buffer.alloc(this.#config.hostMemory * 1024 ** 2, 1)
    for (const tag of allTags) this.#sleepingTags.add(tag)
    if (level >= 2) this.#valid = false
    this.#leaked += leak
    // Without --enable-sleep-mode sleeping is a state and nothing else.
    if (this.#config.sleepMode && fault?.kind !== 'keeps-memory') this.#share?.set(this.#config.residue + this.#leaked)
    this.#logFreed(before, level)
    this.#log('INFO', 'abstract.py:390', `It took ${((performance.now() - began) / 1000).toFixed(6)} seconds to fall asleep.`)
    this.#records.write('slept', { level, mib: this.#share?.mib })
  }

  /** @param {number} before MiB @param {number} level */
  #logFreed (before, level) {
    const after = this.#share?.mib ?? this.#mib
    const freed = Math.max(0, before - after)
    const kept = level === 1 ? freed * this.#config.weightsShare : 0
    this.#log('INFO', 'cumem.py:229', `CuMemAllocator: sleep freed ${gib(freed)} GiB memory in total, of which ${gib(kept)} GiB is backed up in CPU and the rest ${gib(freed - kept)} GiB is discarded directly.`)
    this.#log('INFO', 'gpu_worker.py:150', `Sleep mode freed ${gib(freed)} GiB memory, ${gib(after)} GiB memory is still in use.`)
  }

  /** @param {string[] | undefined} tags */
  async #wake (tags) {
    if (this.#broken) throw new Error('Call to wake_up method failed: CUDA Error: invalid argument at csrc/cumem_allocator.cpp:163')
    if (this.#sleepingTags.size === 0) return this.#log('WARNING', 'abstract.py:396', 'Executor is not sleeping.')
    const unknown = tags?.find((tag) => !this.#sleepingTags.has(tag))
    if (unknown !== undefined) return this.#log('WARNING', 'abstract.py:401', `Tag ${unknown} is not in sleeping tags {${[...this.#sleepingTags]}}`)
    const remaining = allTags.filter((tag) => this.#sleepingTags.has(tag) && tags !== undefined && !tags.includes(tag))
    const began = performance.now()
    this.#takeMemory(remaining)
    await delay(this.#config.wakeMs)
    this.#sleepingTags = new Set(remaining)
    this.#log('INFO', 'abstract.py:408', `It took ${((performance.now() - began) / 1000).toFixed(6)} seconds to wake up tags ${tags ?? allTags}.`)
    this.#records.write('woke', { tags: tags ?? allTags, full: remaining.length === 0, valid: this.#valid, mib: this.#share?.mib })
  }

  /** @param {string[]} remaining tags that stay asleep */
  #takeMemory (remaining) {
    if (this.#share === undefined || !this.#config.sleepMode) return
    const weights = this.#mib * this.#config.weightsShare
    const asleep = (remaining.includes('weights') ? weights : 0) + (remaining.includes('kv_cache') ? this.#mib - weights : 0)
    const wanted = Math.max(this.#config.residue, Math.round(this.#mib - asleep))
    if (wanted <= this.#share.mib) return
    const free = this.#share.claim(wanted)
    if (free === undefined) return
    this.#broken = true
    // What was mapped before it ran out stays mapped.
    this.#share.set(this.#share.mib + free)
    throw new Error('Call to wake_up method failed: CUDA Error: out of memory at csrc/cumem_allocator.cpp:119')
  }

  /** @param {boolean} spoilt As some vision models are: all says 200, and the weights are wrong. */
  async #reload (spoilt) {
    if (this.#sleepingTags.has('weights')) throw new Error('Call to collective_rpc method failed: weights are asleep')
    if (['dummy', 'runai_streamer'].includes(this.#config.given['load_format'] ?? '')) throw new Error(`Call to collective_rpc method failed: Cannot reload weights with load format ${this.#config.given['load_format']}`)
    await delay(this.#config.reloadMs)
    this.#valid = !spoilt
    this.#records.write('reloaded')
  }
}
