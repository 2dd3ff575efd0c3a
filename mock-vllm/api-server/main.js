import { createServer } from 'node:http'
import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from '../args.js'
import { Faults } from '../faults.js'
import { createLog, createStderr } from '../log.js'
import { Records } from '../records.js'
import { logApiStart, logListening } from '../startup-log.js'
import { EngineClient } from './engine-client.js'
import { onEngineDeath, stop } from './lifecycle.js'
import { createRouter } from './router.js'
import { Scheduler } from './scheduler.js'
import { SeenRequests } from './seen-requests.js'
import { describe, findConflict, listen } from './socket.js'

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../args.js').Config} Config */

/** @param {string[]} words @returns {Config} */
function configOf (words) {
  try {
    return parseArgs(words, process.env)
  } catch (error) {
    console.error(`vllm serve: error: ${/** @type {Error} */ (error).message}`)
    process.exit(2)
  }
}

/** @param {string[]} words after `serve` */
export async function serve (words) {
  const config = configOf(words)
  const log = createLog('APIServer', config)
  const faults = new Faults(config)
  logApiStart(log, config)
  await failEarly(config, faults, log)
  const app = createApp(config, faults, log)
  const server = createHttpServer(app)
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
    process.on(signal, () => {
      // As seen: while the engine loads, the server takes the signal for nothing.
      app.state.wasSignalled = true
      if (server.listening && app.faults.peek('sigterm') === undefined) stop(app, server)
    })
  }
  await startServing(app, server)
}

/** What ends a start before the engine is even asked for. @param {Config} config @param {Faults} faults @param {import('../log.js').Log} log */
async function failEarly (config, faults, log) {
  const fault = faults.peek('start')?.kind === 'exit' ? faults.take('start') : undefined
  if (fault !== undefined) {
    const [code = '1', ms = '0'] = fault.arg.split('/')
    await delay(Number(ms))
    return fail(log, 'RuntimeError: mock fault', Number(code))
  }
  if ((isAbsolute(config.model) || config.model.startsWith('./')) && !existsSync(config.model)) {
    await delay(config.failMs)
    return fail(log, `OSError: ${config.model} is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'`)
  }
  const conflict = await findConflict(config)
  if (conflict === undefined) return
  await delay(config.failMs)
  fail(log, conflict)
}

/** @param {import('../log.js').Log} log @param {string} error @param {number} [code] @returns {never} */
function fail (log, error, code = 1) {
  log('ERROR', 'serve.py:88', `Traceback (most recent call last):\n  File "vllm/entrypoints/cli/serve.py", line 80, in cmd\n${error}`)
  process.exit(code)
}

/** @param {Config} config @param {Faults} faults @param {import('../log.js').Log} log @returns {App} */
function createApp (config, faults, log) {
  const startFault = faults.take('start')
  const engine = new EngineClient({ config, ...(startFault && { startFault }), ignoreSigterm: faults.peek('sigterm') !== undefined })
  return {
    config,
    engine,
    faults,
    log,
    scheduler: new Scheduler(config.maxSequences, () => engine.state),
    records: new Records(config, { api: process.pid, core: engine.pid }),
    seen: new SeenRequests(),
    spoiltAdapters: new Set(),
    state: { sleeping: false, valid: true, dead: false, stopping: false, wasSignalled: false, level: 0 },
    counters: { requests: 0, finished: 0, aborted: 0, failed: 0, promptTokens: 0, tokens: 0 }
  }
}

/** @param {App} app */
function createHttpServer (app) {
  const server = createServer({ keepAliveTimeout: app.config.keepAliveMs, requestTimeout: 0, headersTimeout: 0 }, createRouter(app))
  // Newer Nodes keep idle sockets for a second more than they say.
  Object.assign(server, { keepAliveTimeoutBuffer: 0 })
  server.on('checkExpectation', (_req, res) => res.writeHead(417).end())
  return server
}

/** @param {App} app @param {import('node:http').Server} server */
async function startServing (app, server) {
  const { engine, log, config } = app
  try {
    await engine.ready
  } catch (error) {
    // As seen: a group that is signalled while it loads loses its engine, and keeps a server that waits for ever.
    if (app.state.wasSignalled) return await new Promise(() => setInterval(() => {}, 1 << 30))
    return fail(log, `RuntimeError: ${/** @type {Error} */ (error).message} See root cause above. Failed core proc(s): {'EngineCore': ${engine.exited?.code ?? -9}}`)
  }
  engine.onExit = (exit) => onEngineDeath(app, server, exit)
  if (engine.exited !== undefined) return onEngineDeath(app, server, engine.exited)
  try {
    logListening(log, createStderr(config), await listen(server, config), config.colors)
  } catch (error) {
    engine.kill('SIGKILL')
    fail(log, describe(/** @type {NodeJS.ErrnoException} */ (error)))
  }
}
