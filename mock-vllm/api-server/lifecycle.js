import { existsSync, renameSync } from 'node:fs'

/** @typedef {import('./app.js').App} App */

/**
 * Python leaves a unix socket's file behind, Node would take it away: it is out of sight for the moment of the closing.
 * @param {App} app @param {import('node:http').Server} server
 * @returns {Promise<unknown>} ends with the last connection
 */
function close ({ config: { uds } }, server) {
  const aside = `${uds}.closing`
  const isThere = uds !== '' && existsSync(uds)
  if (isThere) renameSync(uds, aside)
  const closed = new Promise((resolve) => server.close(resolve))
  if (isThere) renameSync(aside, uds)
  server.closeIdleConnections()
  return closed
}

/**
 * SIGTERM: the engine ends at once, the server when its last connection has. With a request in flight that is when the client leaves,
 * for nothing is sent to it any more.
 * @param {App} app @param {import('node:http').Server} server
 */
export function stop (app, server) {
  if (app.state.stopping) return
  app.state.stopping = true
  app.log('INFO', 'launcher.py:220', 'Shutting down FastAPI HTTP server.')
  app.records.write('stopping', { running: app.scheduler.running, waiting: app.scheduler.waiting })
  app.scheduler.freeze()
  app.engine.kill('SIGTERM')
  const engineGone = app.engine.exited ? Promise.resolve() : new Promise((resolve) => { app.engine.onExit = () => resolve(undefined) })
  const serverClosed = close(app, server)
  Promise.all([engineGone, serverClosed]).then(() => process.exit(0))
}

/**
 * EngineCore is dead: what is in flight gets an error and a clean end, new requests 500, then the listener goes, then the process.
 * @param {App} app @param {import('node:http').Server} server @param {import('./engine-client.js').Exit} exit
 */
export function onEngineDeath (app, server, { code, signal }) {
  if (app.state.stopping) return
  // At a SIGTERM to the whole group the engine may be gone before this process has seen the signal: an orderly exit gets a moment.
  if (code === 0) {
    setTimeout(() => onEngineDeath(app, server, { code: null, signal }), 30)
    return
  }
  app.state.dead = true
  app.records.write('died', { role: 'engine-core', code, signal })
  app.log('ERROR', 'core_client.py:810', 'Engine core proc EngineCore died unexpectedly, shutting down client.')
  app.scheduler.endAll((job) => job.fail())
  setTimeout(() => close(app, server), app.config.deadRefuseMs)
  // As seen: a control call that was under way has no answer, and the server waits for it for ever, deaf to everybody else.
  setTimeout(() => {
    if (app.engine.hanging === 0) process.exit(app.config.deadExitCode)
  }, app.config.deadExitMs)
}
