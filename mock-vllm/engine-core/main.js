import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Executor } from './executor.js'
import { claimAtStart } from './memory.js'
import { startWorkers } from './workers.js'
import { createLog, createStderr } from '../log.js'
import { Records } from '../records.js'
import { logEngineLoading, logEngineReady, logModelLoaded, logShards } from '../startup-log.js'

/**
 * The process that holds the GPU. It gets its configuration as one argument and no environment, as the real one's environment and
 * command line cannot be read from /proc either.
 */
const { config, startFault, ignoreSigterm } = /** @type {{ config: import('../args.js').Config, startFault?: import('../faults.js').Fault, ignoreSigterm: boolean }} */ (JSON.parse(process.argv[2] ?? '{}'))
process.title = 'VLLM::EngineCore'

const log = createLog('EngineCore', config)
const stderr = createStderr(config)
const records = new Records(config, { api: process.ppid, core: process.pid })
/** @type {import('../gpu.js').GpuShares | undefined} */
let share
/** @type {import('node:child_process').ChildProcess[]} */
const workers = []
let ending = false

// The event loop is kept alive by a timer, not by the channel: when the API process is killed, this one lives on and keeps its memory.
setInterval(() => {}, 1 << 30)

/** A message for an API process that has just died has nobody to go to. @param {object} message */
function send (message) {
  if (process.connected) process.send?.(message, undefined, {}, () => {})
}

process.on('disconnect', () => {
  if (!ending) records.write('died', { role: 'api-server' })
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    if (ignoreSigterm || ending) return
    ending = true
    setTimeout(() => end(0), config.stopMs)
  })
}

/** @param {number} code */
function end (code) {
  ending = true
  for (const worker of workers) worker.kill('SIGKILL')
  records.write('ended', { code })
  share?.end()
  process.exit(code)
}

/** @param {string} why */
function failStart (why) {
  log('ERROR', 'core.py:1402', `EngineCore failed to start.\nTraceback (most recent call last):\n  File "vllm/v1/engine/core.py", line 1393, in run_engine_core\n${why}`)
  records.write('start-failed', { why })
  end(1)
}

/** @param {number} pid */
function onWorkerDeath (pid) {
  if (ending) return
  log('ERROR', 'multiproc_executor.py:290', `Worker proc VllmWorker-0 (pid ${pid}) died unexpectedly, shutting down executor.`)
  records.write('died', { role: 'worker', worker: pid })
  end(1)
}

async function failOnPurpose () {
  if (startFault === undefined) return
  const ms = Number(startFault.arg) || 0
  if (startFault.kind === 'hang') await new Promise(() => {})
  if (startFault.kind === 'slow') await delay(ms)
  if (startFault.kind === 'die') {
    await delay(ms)
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  }
}

/** A quarter of the time for each of two shards, the rest for what a real one does then. @param {number} began */
async function load (began) {
  for (const shards of [1, 2]) {
    await delay(config.startMs / 4)
    logShards(stderr, shards)
  }
  // What it says that it has loaded is what its first sleep pins in host memory, as with vLLM.
  logModelLoaded(log, { mib: config.hostMemory, seconds: (performance.now() - began) / 1000 })
  await delay(config.startMs / 2)
}

async function start () {
  const began = performance.now()
  records.write('starting', { model: config.model })
  logEngineLoading(log, stderr, config)
  const claimed = claimAtStart(config)
  if (claimed.error !== undefined) return failStart(claimed.error)
  share = claimed.share
  workers.push(...startWorkers(config, share, onWorkerDeath))
  await failOnPurpose()
  await Promise.all([load(began), ...workers.map((worker) => once(worker, 'message'))])
  const seconds = (performance.now() - began) / 1000
  const mib = claimed.mib
  logEngineReady(log, stderr, { mib, seconds })
  const executor = new Executor({ config, share, mib, records, log })
  let queue = Promise.resolve()
  // One thing after another: while the engine is busy, /is_sleeping has no answer.
  process.on('message', (/** @type {import('./executor.js').Operation} */ operation) => {
    queue = queue.then(async () => send({ id: operation.id, ...await executor.run(operation) }))
  })
  records.write('started', { ms: Math.round(seconds * 1000), mib, workers: workers.map((worker) => worker.pid) })
  send({ ready: true, mib })
}

await start()
