import type { FastifyBaseLogger } from 'fastify'
import type { AdapterChange, EngineChange, LlmuxEvents, RequestChange, ResponseEnd, StartProgress, TransitionChange, Warning } from '../../events.ts'
import type { LogLevel } from '../../options/index.ts'
import { OverloadLog } from './overload.ts'
import { switchLine } from './switch-line.ts'
import { described, rounded, seconds } from './words.ts'

/**
 * Writes events to the server's log. From `info` on it has one line for each switch, one for each failed engine with its
 * last output, one for each failed request, and one every ten seconds during overload. `reqId` is the same as in Fastify's
 * lines.
 */
export function logEvents (events: LlmuxEvents, log: FastifyBaseLogger): void {
  events.on('engine', change => logEngine(change, log))
  events.on('transition', change => logTransition(change, log))
  const overload = new OverloadLog(log)
  events.on('response', end => {
    overload.ended(end)
    logResponse(end, log)
  })
  events.on('request', change => logRequest(change, log))
  events.on('progress', progress => logProgress(progress, log))
  events.on('adapter', change => logAdapter(change, log))
  events.on('control', ({ reason, pinned, paused }) => log.info({ pinned, paused }, reason))
  events.on('models', ({ reason, added, removed, changed }) => log.info({ added, removed, changed }, `models: ${reason}`))
  events.on('warning', warning => logWarning(warning, log))
}

/** Writes the engines' output, line by line. */
export function logLines (log: FastifyBaseLogger, level: LogLevel) {
  return (model: string, stream: 'stdout' | 'stderr', line: string): void => {
    if (level !== 'silent') log[level]({ model, stream }, line)
  }
}

function logEngine ({ model, from, to, reason, duration, error, pid, level, steps, request }: EngineChange, log: FastifyBaseLogger): void {
  const fields = { model, from, to, duration: Math.round(duration), pid, level, reqId: request }
  if (error === undefined || to !== 'failed') return log.debug({ ...fields, reason, steps: steps && rounded(steps) }, `engine ${model} ${to}`)
  const { text, fields: why } = described(error)
  // A failed start is stopped before it counts as failed; any other end is unexpected.
  const until = from === 'stopping' ? '' : `, ${from} for ${seconds(duration)}`
  log.error({ ...fields, ...why }, `engine ${model} failed${until}: ${text}`)
}

function logTransition (change: TransitionChange, log: FastifyBaseLogger): void {
  const { model, to, evict, reason, outcome, phases, steps, request, error } = change
  if (to !== 'idle') return
  const fields = { model, evict, outcome, reason, phases: rounded(phases), steps: steps && rounded(steps), reqId: request }
  if (error === undefined) return log.info(fields, switchLine(change))
  const { lastLines, ...why } = described(error).fields as { lastLines?: string[] }
  // The line about the failed engine has its last output already.
  log.error({ ...fields, ...why }, switchLine(change))
}

function logResponse (response: ResponseEnd, log: FastifyBaseLogger): void {
  const harmed = response.outcome === 'cut' || response.outcome === 'server_error'
  // One for each request: not even taken apart if nobody reads the level.
  if (!harmed && log.level !== 'debug' && log.level !== 'trace') return
  const { request, model, route, status, outcome, code, reason, queued, firstByte, duration, ...rest } = response
  const times = rounded({ queued, duration, ...(firstByte !== undefined && { firstByte }) })
  const fields = { reqId: request, model, route, status, outcome, code, ...times, ...rest, time: undefined }
  const end = outcome === 'left' ? 'left by its client' : outcome === 'cut' ? 'cut' : `answered ${status}`
  const text = `request for ${model ?? 'no model of ours'} ${end} after ${seconds(duration)}`
  log[harmed ? 'warn' : 'debug'](fields, reason === undefined ? text : `${text}: ${reason}`)
}

function logRequest ({ id, model, from, to, reason, duration, request }: RequestChange, log: FastifyBaseLogger): void {
  // Several for each request, and rarely wanted.
  if (log.level !== 'trace') return
  log.trace({ lease: id, model, from, to, duration: Math.round(duration), reason, reqId: request }, `request ${to}`)
}

function logProgress ({ model, stage, done, total, remaining, request }: StartProgress, log: FastifyBaseLogger): void {
  const count = done === undefined ? '' : ` ${done} of ${total}`
  const left = remaining === undefined ? '' : `, about ${seconds(remaining)} left`
  log.debug({ model, stage, done, total, reqId: request }, `start of ${model}: ${stage}${count}${left}`)
}

function logAdapter ({ model, adapter, loaded, duration }: AdapterChange, log: FastifyBaseLogger): void {
  log.info({ model, adapter, duration: Math.round(duration) }, `LoRA adapter ${adapter} of ${model} ${loaded ? 'loaded' : 'unloaded'} in ${seconds(duration)}`)
}

function logWarning ({ model, error, request }: Warning, log: FastifyBaseLogger): void {
  const { text, fields } = described(error)
  log.warn({ model, reqId: request, ...fields }, text)
}
