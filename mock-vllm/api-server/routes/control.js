import { EngineDeadError } from '../engine-client.js'
import { engineDead, sendError, sendJson, sendText } from '../http-answers.js'
import { isSleeping, reloadWeights, resetPrefixCache, sleep, wakeUp } from '../sleep-control.js'

/** @typedef {import('../app.js').Handler} Handler */
/** @typedef {import('../app.js').Call} Call */

/** @param {Handler} handler @returns {Handler} a failure is a 500 in vLLM's shape */
function guarded (handler) {
  return async (app, call) => {
    try {
      await handler(app, call)
    } catch (error) {
      if (error instanceof EngineDeadError) return sendJson(call.res, 500, engineDead)
      if (app.config.isOld) return sendText(call.res, 500, 'Internal Server Error')
      sendError(call.res, 500, 'InternalServerError', /** @type {Error} */ (error).message)
    }
  }
}

/** @param {Call} call */
const queryOf = ({ req }) => new URL(req.url ?? '/', 'http://engine').searchParams

/** @param {Call} call @param {string} type @param {string} name @param {string} message @param {string} input */
function sendInvalid ({ res }, type, name, message, input) {
  sendError(res, 400, 'Bad Request', `1 validation error:\n  {'type': '${type}', 'loc': 'query.${name}', 'msg': "${message}", 'input': '${input}'}`, `query.${name}`)
}

const modes = ['abort', 'wait', 'keep']

/** Newer versions have a body. Nobody should read it. @param {import('../app.js').App} app @param {Call} call @param {unknown} body */
function sendDone ({ config }, { res }, body) {
  if (config.isOld) sendText(res, 200)
  else sendJson(res, 200, body)
}

/** @param {Call} call @param {string} level @param {string} mode @returns {boolean} */
function isValid (call, level, mode) {
  if (!/^\d+$/.test(level)) sendInvalid(call, 'int_parsing', 'level', 'Input should be a valid integer, unable to parse string as an integer', level)
  else if (Number(level) > 2) sendInvalid(call, 'less_than_equal', 'level', 'Input should be less than or equal to 2', level)
  else if (!modes.includes(mode)) sendInvalid(call, 'literal_error', 'mode', "Input should be 'abort', 'wait' or 'keep'", mode)
  else return true
  return false
}

const onSleep = guarded(async (app, call) => {
  const query = queryOf(call)
  const level = query.get('level') ?? '1'
  const mode = query.get('mode') ?? 'abort'
  if (app.config.isOld) {
    if (!/^\d+$/.test(level) || !modes.includes(mode)) throw new Error('ValueError')
  } else if (!isValid(call, level, mode)) {
    return
  }
  await sleep(app, Number(level), mode)
  sendDone(app, call, { status: 'sleeping', level: Number(level) })
})

const onWake = guarded(async (app, call) => {
  const tags = queryOf(call).getAll('tags')
  app.log('INFO', 'api_router.py:50', `wake up the engine with tags: ${tags.length === 0 ? 'None' : tags}`)
  const awake = await wakeUp(app, tags.length === 0 ? undefined : tags)
  sendDone(app, call, { status: awake ? 'awake' : 'sleeping', tags: tags.length === 0 ? null : tags })
})

const onIsSleeping = guarded(async (app, call) => {
  const fault = app.faults.take('is_sleeping')
  if (fault?.kind === 'hang') return
  if (fault?.kind === '500') throw new Error('mock fault')
  sendJson(call.res, 200, { is_sleeping: await isSleeping(app) })
})

const onCollectiveRpc = guarded(async (app, call) => {
  let body
  try {
    body = JSON.parse(call.body.toString())
  } catch (error) {
    return sendError(call.res, 400, 'Bad Request', `JSON decode error: ${/** @type {Error} */ (error).message}`)
  }
  const method = body?.method
  if (typeof method !== 'string') return sendError(call.res, 400, 'Bad Request', "Missing 'method' in request body")
  if (method !== 'reload_weights') throw new Error(`Call to collective_rpc method failed: 'Worker' object has no attribute '${method}'`)
  await reloadWeights(app)
  sendJson(call.res, 200, { results: [null] })
})

const onReset = guarded(async (app, call) => {
  await resetPrefixCache(app)
  sendDone(app, call, { success: true })
})

/** @type {Handler} */
const onServerInfo = ({ config }, { res }) => sendJson(res, 200, { vllm_config: config.model, vllm_env: {} })

/** @type {Handler} */
const ok = (_app, { res }) => sendText(res, 200)

/** Only with VLLM_SERVER_DEV_MODE=1. @type {[string, Handler][]} */
export const controlRoutes = [
  ['POST /sleep', onSleep],
  ['POST /wake_up', onWake],
  ['GET /is_sleeping', onIsSleeping],
  ['POST /collective_rpc', onCollectiveRpc],
  ['POST /reset_prefix_cache', onReset],
  ['POST /reset_mm_cache', ok],
  ['POST /reset_encoder_cache', ok],
  ['GET /server_info', onServerInfo]
]
