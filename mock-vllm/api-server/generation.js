import { answerText, countTokens } from './answer-text.js'
import { Job } from './job.js'
import { describeBody } from './seen-requests.js'
import { engineDead, sendError, sendJson } from './http-answers.js'
import { parseFaults } from '../faults.js'

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./app.js').Call} Call */

/**
 * @typedef {object} Asked
 * @property {any} body
 * @property {string} prompt what is echoed
 * @property {string} [allText] what is counted and searched for poison; default: the prompt
 * @property {number | undefined} limit tokens at most
 * @property {string} prefix of the answer's id
 */

/** @param {App} app @param {unknown} name */
function knows ({ config }, name) {
  return typeof name === 'string' && (config.servedNames.includes(name) || Object.hasOwn(config.adapters, name))
}

/** @param {App} app @param {unknown} name */
export function unknownModelMessage ({ config }, name) {
  return `The model \`${String(name)}\` does not exist. Valid aliases: ${config.servedNames.join(', ')}.`
}

/** @param {App} app @param {Call} call @param {any} body @returns {boolean} whether the model is one of ours; otherwise it is answered */
export function checkModel (app, { res, path }, body) {
  const name = body.model
  if (name === undefined || name === null || name === '' || knows(app, name)) return true
  const message = unknownModelMessage(app, name)
  if (path.startsWith('/v1/messages')) sendJson(res, 404, { type: 'error', error: { type: 'NotFoundError', message } })
  else sendError(res, 404, 'NotFoundError', message, 'model')
  return false
}

/** @param {Call} call @param {string} name @param {number} fallback */
function headerNumber ({ req }, name, fallback) {
  const value = req.headers[name]
  return typeof value === 'string' ? Number(value) : fallback
}

/**
 * The fault this request meets: its own (header `x-mock-fault`), a poisonous word in it, or one that lies in wait for any.
 * @param {App} app @param {Call} call @param {string} text @param {boolean} stream
 */
function faultFor ({ faults }, { req }, text, stream) {
  const header = req.headers['x-mock-fault']
  const [own] = typeof header === 'string' ? parseFaults(header) : []
  if (own !== undefined) return own[1]
  const poison = faults.peek('poison')
  if (poison !== undefined && poison.arg !== '' && text.includes(poison.arg)) return { ...poison, ...faults.take('poison'), arg: '' }
  return faults.take('request') ?? (stream ? faults.take('stream') : undefined)
}

/** @param {App} app @param {import('../faults.js').Fault | undefined} fault @param {Call} call @returns {import('./job.js').Pace} */
function paceOf (app, fault, call) {
  const { config, engine } = app
  return {
    promptMs: headerNumber(call, 'x-mock-prompt-ms', config.promptMs),
    tokenMs: headerNumber(call, 'x-mock-token-ms', config.tokenMs),
    batch: config.batch,
    faultAt: fault === undefined ? Infinity : Number(fault.arg) || 0,
    fault () {
      app.records.write('fault', { kind: fault?.kind })
      if (fault?.kind === 'die') engine.kill('SIGKILL')
      if (fault?.kind === 'api-die') process.kill(process.pid, 'SIGKILL')
      return fault?.kind === 'cut' ? 'cut' : 'stall'
    }
  }
}

/** @param {App} app @param {Asked} asked @param {string} allText @returns {import('./job.js').Generation} */
function generationOf (app, { body, prompt, limit, prefix }, allText) {
  const { config, counters } = app
  const adapter = Object.hasOwn(config.adapters, body.model ?? '') ? String(body.model) : undefined
  const served = adapter ?? config.servedNames[0] ?? config.model
  const number = counters.requests
  /** @type {import('./answer-text.js').AnswerText | undefined} */
  let text
  return {
    id: `${prefix}-${config.name.replace(/\W+/g, '-')}-${number}`,
    created: Math.floor(Date.now() / 1000),
    model: served,
    prompt,
    promptTokens: countTokens(allText),
    // Made when the first token is: what came while the weights were gone is answered after they are back.
    get text () {
      text ??= answerText({
        served,
        engine: config.name,
        asked: body.model ?? '',
        prompt,
        counter: Number(body.temperature ?? 1) === 0 ? undefined : number,
        garbage: !app.state.valid || app.spoiltAdapters.has(served) || app.faults.peek('output') !== undefined
      })
      return text
    },
    count: Math.max(1, limit ?? config.defaultTokens),
    reason: limit === undefined ? 'stop' : 'length',
    choices: Math.max(1, Number(body.n ?? 1)),
    stream: body.stream === true,
    usage: body.stream_options?.include_usage === true,
    usageEach: body.stream_options?.continuous_usage_stats === true,
    body
  }
}

/** @param {App} app */
function stateWord ({ state, scheduler }) {
  return state.dead ? 'dead' : state.sleeping ? 'asleep' : scheduler.paused ? 'paused' : 'awake'
}

/**
 * Sends a request to the engine, as every route does that needs one: it waits where the engine sleeps, and dies where the engine dies.
 * @param {App} app @param {Call} call @param {Asked} asked @param {import('./job.js').Dialect} dialect
 */
export function generate (app, call, asked, dialect) {
  const { res, req } = call
  if (!checkModel(app, call, asked.body)) return
  if (req.headers['x-mock-echo'] !== undefined) return sendJson(res, 200, { url: req.url, headers: req.rawHeaders, ...describeBody(call.body) })
  if (asked.limit !== undefined && asked.limit > app.config.maxLength) {
    return sendError(res, 400, 'BadRequestError', `max_tokens=${asked.limit} cannot be greater than max_model_len=${app.config.maxLength}. Please request fewer output tokens. (parameter=max_tokens, value=${asked.limit})`, 'max_tokens')
  }
  app.counters.requests += 1
  const allText = asked.allText ?? asked.prompt
  const generation = generationOf(app, asked, allText)
  const fault = faultFor(app, call, allText, generation.stream)
  if (app.records.wanted) {
    app.records.write('request', { id: generation.id, path: call.path, asked: asked.body.model ?? null, stream: generation.stream, state: stateWord(app), prompt: asked.prompt.slice(0, 80) })
  }
  if (app.state.dead) return sendJson(res, 500, dialect.dead ? dialect.dead(engineDead) : engineDead)
  if (fault?.kind === '500') return sendError(res, 500, 'InternalServerError', 'mock fault')
  start(app, res, new Job(generation, dialect, paceOf(app, fault, call), res, (job, outcome) => onEnd(app, generation, job, outcome)))
}

/** @param {App} app @param {import('node:http').ServerResponse} res @param {Job} job */
function start ({ scheduler }, res, job) {
  job.onDrain = () => scheduler.reschedule()
  res.on('close', () => {
    job.clientLeft()
    scheduler.drop(job)
  })
  scheduler.submit(job)
  job.sendHead()
}

/** @param {App} app @param {import('./job.js').Generation} generation @param {Job} job @param {{ event: 'finished' | 'aborted' | 'failed', reason: string }} outcome */
function onEnd ({ counters, records }, generation, job, { event, reason }) {
  counters[event] += 1
  counters.tokens += job.done * generation.choices
  counters.promptTokens += generation.promptTokens
  if (records.wanted) records.write(event, { id: generation.id, reason, tokens: job.done })
}
