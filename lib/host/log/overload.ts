import type { FastifyBaseLogger } from 'fastify'
import type { ResponseEnd } from '../../events.ts'
import { seconds } from './words.ts'

/** At most one line for each model in this time, so that logging does not slow down an overloaded gateway. Milliseconds. */
const pause = 10_000

interface Refusals {
  /** When the last line was written. */
  told: number
  /** Refused since then. */
  count: number
}

/** Logs that requests are refused because too many wait: the first at once, later ones as a number. */
export class OverloadLog {
  readonly #log: FastifyBaseLogger
  readonly #byModel = new Map<string | undefined, Refusals>()

  constructor (log: FastifyBaseLogger) {
    this.#log = log
  }

  /** Called for every finished request: one that is served later reports the number of those refused before. */
  ended ({ request, model, route, outcome, code, reason, time }: ResponseEnd): void {
    const refused = outcome === 'overloaded'
    if (!refused && this.#byModel.size === 0) return
    const past = this.#byModel.get(model)
    if (!refused && past === undefined) return
    const count = (past?.count ?? 0) + (refused ? 1 : 0)
    const since = past === undefined ? undefined : time - past.told
    if (since !== undefined && since < pause) {
      past!.count = count
      return
    }
    if (count > 0) this.#tell({ reqId: refused ? request : undefined, model, route: refused ? route : undefined, code: refused ? code : undefined, refused: count }, since, reason)
    if (refused) this.#byModel.set(model, { told: time, count: 0 })
    else this.#byModel.delete(model)
  }

  #tell (fields: { model: string | undefined, refused: number, [field: string]: unknown }, since: number | undefined, reason: string | undefined): void {
    const { model = 'no model of ours', refused } = fields
    const requests = refused === 1 ? 'a request' : `${refused} requests`
    const time = since === undefined ? '' : ` in the last ${seconds(since)}`
    this.#log.warn(fields, `overloaded: ${requests} for ${model} answered 429${time}${reason === undefined ? '' : `: ${reason}`}`)
  }
}
