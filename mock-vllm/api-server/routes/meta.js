import { sendJson, sendText } from '../http-answers.js'

/** @typedef {import('../app.js').Handler} Handler */

const startedAt = Math.floor(Date.now() / 1000)

/** 200 whatever the engine does, as long as it is not dead: asleep, stopped, deaf. @type {Handler} */
const onHealth = ({ state, faults }, { res }) => {
  const fault = faults.take('health')
  if (fault?.kind === 'hang') return
  sendText(res, state.dead || fault?.kind === '503' ? 503 : 200)
}

/** @param {string} id @param {string} root @param {string | null} parent @param {number} length */
const card = (id, root, parent, length) => ({ id, object: 'model', created: startedAt, owned_by: 'vllm', root, parent, max_model_len: length, permission: [] })

/** @type {Handler} */
const onModels = ({ config }, { res }) => {
  const base = config.servedNames[0] ?? config.model
  sendJson(res, 200, {
    object: 'list',
    data: [
      ...config.servedNames.map((name) => card(name, config.model, null, config.maxLength)),
      ...Object.entries(config.adapters).map(([name, path]) => card(name, path, base, config.maxLength))
    ]
  })
}

/** @type {Handler} */
const onMetrics = ({ config, scheduler, counters, state }, { res }) => {
  const labels = `engine="0",model_name="${config.servedNames[0]}"`
  /** @param {string} name @param {string} type @param {string} help @param {[string, number][]} samples */
  const metric = (name, type, help, samples) => `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} ${type}\n` + samples.map(([extra, value]) => `vllm:${name}${type === 'counter' ? '_total' : ''}{${labels}${extra}} ${value.toFixed(1)}\n`).join('')
  /** @param {string} word @param {boolean} is @returns {[string, number]} */
  const sleepState = (word, is) => [`,sleep_state="${word}"`, is ? 1 : 0]
  sendText(res, 200, [
    metric('num_requests_running', 'gauge', 'Number of requests in model execution batches.', [['', scheduler.running]]),
    metric('num_requests_waiting', 'gauge', 'Number of requests waiting to be processed.', [['', scheduler.waiting]]),
    metric('engine_sleep_state', 'gauge', 'Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.', [
      sleepState('awake', !state.sleeping), sleepState('weights_offloaded', state.sleeping && state.level === 1), sleepState('discard_all', state.sleeping && state.level === 2)
    ]),
    metric('kv_cache_usage_perc', 'gauge', 'KV-cache usage. 1 means 100 percent usage.', [['', Math.min(1, scheduler.running / config.maxSequences)]]),
    metric('prompt_tokens', 'counter', 'Number of prefill tokens processed.', [['', counters.promptTokens]]),
    metric('generation_tokens', 'counter', 'Number of generation tokens processed.', [['', counters.tokens]]),
    metric('request_success', 'counter', 'Count of successfully processed requests.', [[',finished_reason="stop"', counters.finished], [',finished_reason="abort"', counters.aborted]])
  ].join(''), 'text/plain; version=1.0.0; charset=utf-8')
}

/** @type {[string, Handler][]} */
export const metaRoutes = [
  ['GET /health', onHealth],
  ['GET /ping', onHealth],
  ['POST /ping', onHealth],
  ['GET /version', ({ config }, { res }) => sendJson(res, 200, { version: config.version })],
  ['GET /load', ({ scheduler }, { res }) => sendJson(res, 200, { server_load: scheduler.running + scheduler.waiting })],
  ['GET /metrics', onMetrics],
  ['GET /v1/models', onModels]
]
