import { sendError, sendJson } from '../http-answers.js'

/** @typedef {import('../app.js').Handler} Handler */

/** @type {Handler} */
const onState = ({ config, state, scheduler, counters, faults, engine }, { res }) => sendJson(res, 200, {
  name: config.name,
  model: config.model,
  pids: { api: process.pid, core: engine.pid },
  ...state,
  paused: scheduler.paused,
  running: scheduler.running,
  waiting: scheduler.waiting,
  counters,
  faults
})

/** @type {Handler} */
const onFaults = ({ faults }, { res, body }) => {
  try {
    faults.set(JSON.parse(body.toString() || '{}'))
    sendJson(res, 200, faults)
  } catch (error) {
    sendError(res, 400, 'Bad Request', /** @type {Error} */ (error).message)
  }
}

/** Changes what may change while it runs: speeds and times. @type {Handler} */
const onConfig = ({ config }, { res, body }) => {
  const wanted = JSON.parse(body.toString() || '{}')
  const known = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (config))
  for (const [name, value] of Object.entries(wanted)) {
    if (typeof known[name] !== 'number' || typeof value !== 'number') return sendError(res, 400, 'Bad Request', `not a number of the configuration: ${name}`)
    known[name] = value
  }
  sendJson(res, 200, config)
}

/** The mock's own control endpoint, beside those of vLLM. @type {[string, Handler][]} */
export const mockRoutes = [
  ['GET /mock/state', onState],
  ['POST /mock/faults', onFaults],
  ['DELETE /mock/faults', ({ faults }, { res }) => {
    faults.clear()
    sendJson(res, 200, faults)
  }],
  ['POST /mock/config', onConfig],
  ['GET /mock/requests', ({ seen }, { res }) => sendJson(res, 200, seen)],
  ['DELETE /mock/requests', ({ seen }, { res }) => {
    seen.clear()
    sendJson(res, 200, seen)
  }]
]
