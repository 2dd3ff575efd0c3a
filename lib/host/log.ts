import type { FastifyBaseLogger } from 'fastify'
import type { EngineChange, LlmuxEvents, RequestChange, TransitionChange } from '../events.ts'
import type { LlmuxError } from '../errors.ts'
import type { LogLevel } from '../options/index.ts'

/** Writes events to the server's log: a switch is one line. */
export function logEvents (events: LlmuxEvents, log: FastifyBaseLogger): void {
  events.on('engine', change => logEngine(change, log))
  events.on('transition', change => logTransition(change, log))
  events.on('request', change => logRequest(change, log))
  events.on('control', ({ reason, pinned, paused }) => log.info({ pinned, paused }, reason))
  events.on('models', ({ reason, added, removed, changed }) => log.info({ added, removed, changed }, `models: ${reason}`))
  events.on('warning', ({ model, error }) => log.warn({ model, err: error }, error.message))
}

/** Writes the engines' own output, line by line. */
export function logLines (log: FastifyBaseLogger, level: LogLevel) {
  return (model: string, stream: 'stdout' | 'stderr', line: string): void => {
    if (level !== 'silent') log[level]({ model, stream }, line)
  }
}

function logEngine ({ model, from, to, reason, duration, error, pid, level, memory }: EngineChange, log: FastifyBaseLogger): void {
  const fields = { model, from, to, duration: round(duration), pid, level, memory: memory && round(memory) }
  if (error !== undefined) log.error({ ...fields, err: error }, `engine ${model} ${to}: ${firstLine(reason)}`)
  else log.debug({ ...fields, reason }, `engine ${model} ${to}`)
}

function logTransition ({ model, to, reason, evict, phases, error }: TransitionChange, log: FastifyBaseLogger): void {
  if (to !== 'idle') return
  const times = Object.fromEntries(Object.entries(phases).map(([phase, duration]) => [phase, round(duration)]))
  const fields = { model, evict, reason, phases: times }
  const took = round(Object.values(phases).reduce((sum, duration) => sum + duration, 0))
  if (error !== undefined) log.error({ ...fields, err: error }, `switch to ${model} failed after ${took} ms: ${firstLine(error.message)}`)
  else log.info(fields, `switch for ${model} done in ${took} ms`)
}

function logRequest ({ id, model, from, to, reason, duration, error }: RequestChange, log: FastifyBaseLogger): void {
  // Several for each request, and nearly never wanted: they are not even put together then.
  if (error === undefined && log.level !== 'trace') return
  const fields = { lease: id, model, from, to, duration: round(duration) }
  if (error === undefined) log.trace({ ...fields, reason }, `request ${to}`)
  // What befell an engine has been told at length, once: not again for each request that it held.
  else log.warn({ ...fields, code: (error as LlmuxError).code }, `request ${to}: ${firstLine(reason)}`)
}

function firstLine (text: string): string {
  return text.split('\n', 1)[0]!
}

function round (milliseconds: number): number {
  return Math.round(milliseconds)
}
