import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import type { Clock } from '../clock.ts'
import { LearnedFileError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import { Learned } from '../switcher/learned/learned.ts'
import type { Knowledge } from '../switcher/learned/learned.ts'

export interface LearnedFileContext {
  path: string
  clock: Clock
  events: LlmuxEvents
}

const milliseconds = { type: 'number', minimum: 0 }
const byModel = (value: object) => ({ type: 'object', additionalProperties: value })
const knowledge = {
  type: 'object',
  required: ['costs', 'models'],
  properties: {
    costs: { type: 'object', required: ['wakes', 'starts'], properties: { wakes: byModel(byModel(milliseconds)), starts: byModel(milliseconds) } },
    models: byModel({ type: 'object', properties: { serviceTime: milliseconds, drainTime: milliseconds, thawTime: milliseconds, firstSleep: milliseconds } })
  }
}

/** Compiled only when there is a file to read, which most gateways do not have. */
const isKnowledge = (): ValidateFunction<Knowledge> => new Ajv({ strict: true }).compile<Knowledge>(knowledge)

/** A file that keeps what was learned for the next run. Failures are harmless: the gateway measures again. */
export class LearnedFile {
  readonly #context: LearnedFileContext

  constructor (context: LearnedFileContext) {
    this.#context = context
  }

  read (): Learned {
    try {
      const content: unknown = JSON.parse(readFileSync(this.#context.path, 'utf8'))
      if (isKnowledge()(content)) return new Learned(content)
      this.#warn('it has other content', undefined)
    } catch (error) {
      // The file does not exist before the first run.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#warn((error as Error).message, error)
    }
    return new Learned()
  }

  /** Replaces the file at once by a complete one. */
  write (learned: Learned): void {
    const { path } = this.#context
    const temporary = `${path}.${process.pid}.tmp`
    try {
      // Synchronous: the file is small, rarely written, and must be there even if the process ends now.
      writeFileSync(temporary, `${JSON.stringify(learned)}\n`)
      renameSync(temporary, path)
    } catch (error) {
      this.#warn((error as Error).message, error)
    }
  }

  /** Writes after each switch, since only switches teach anything valuable, and on request. */
  keep (learned: Learned): void {
    this.#context.events.on('transition', ({ to }) => { if (to === 'idle') queueMicrotask(() => this.write(learned)) })
  }

  #warn (why: string, cause: unknown): void {
    const { path, clock, events } = this.#context
    events.emit('warning', { time: clock.now(), model: undefined, error: new LearnedFileError(path, why, { cause }) })
  }
}
