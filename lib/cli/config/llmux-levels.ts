import { OptionsError } from '../../errors.ts'
import type { SleepLevel } from '../../options/types.ts'
import type { Note } from './config.ts'
import type { Fields } from './fields.ts'

/** Documented by llmux: a model that says nothing is stopped. */
const defaultLevel = 3

const weights = ['retain', 'offload', 'discard']
const processes = ['keep_running', 'cuda_suspend', 'checkpoint', 'stop']

/** The level of one model, from its own fields or those of `policy`. */
export function readLevel (model: Fields, policy: Fields | undefined, notes: Note[]): SleepLevel {
  const own = levelIn(model, notes)
  const common = policy && levelIn(policy, [])
  if (own !== undefined) {
    if (common !== undefined && common !== own && model.any('sleep_level') !== undefined) {
      notes.push({ field: model.pathOf('sleep_level'), text: `counts here: 0.3 used policy.sleep_level (${common}) for all models` })
    }
    return own
  }
  if (common !== undefined) return common
  notes.push({ field: model.self, text: 'has no sleep level: the documented default of llmux counts, 3 (stop). Level 1 wakes in seconds: try it with `fastify-llmux validate`' })
  return defaultLevel
}

/** Undefined if nothing is said. */
export function levelIn (fields: Fields, notes: Note[]): SleepLevel | undefined {
  const eviction = fields.object('eviction')
  const level = fields.number('sleep_level')
  return eviction === undefined ? fromNumber(fields, level, notes) : fromEviction(eviction, notes)
}

function fromNumber (fields: Fields, level: number | undefined, notes: Note[]): SleepLevel | undefined {
  if (level === undefined || level === 1 || level === 2 || level === 3) return level
  if (level !== 4 && level !== 5) throw new OptionsError(fields.pathOf('sleep_level'), `must be 1, 2 or 3, not ${level}`)
  notes.push({ field: fields.pathOf('sleep_level'), text: `${level} is of a version between 0.3 and 0.9: 3 (stop) is taken` })
  return 3
}

function oneOf (fields: Fields, name: string, allowed: string[], fallback: string): string {
  const value = fields.string(name) ?? fallback
  if (allowed.includes(value)) return value
  throw new OptionsError(fields.pathOf(name), `must be one of ${allowed.join(', ')}, not ${JSON.stringify(value)}`)
}

/** The nearest level: where it is not the same, that is said. */
function fromEviction (eviction: Fields, notes: Note[]): SleepLevel {
  const process = oneOf(eviction, 'process', processes, 'stop')
  const kept = oneOf(eviction, 'weights', weights, 'retain')
  const note = (name: string, text: string) => { notes.push({ field: eviction.pathOf(name), text }) }
  if (process === 'stop') return 3
  if (process === 'checkpoint') {
    note('process', 'checkpoint is not offered: 3 (stop) is the level that leaves as little behind')
    return 3
  }
  const level = kept === 'discard' ? 2 : 1
  if (process === 'cuda_suspend') note('process', `cuda_suspend is not offered: ${level} is the nearest level, and leaves 0.4 to 2 GiB on the GPU`)
  else if (kept === 'retain') note('weights', 'retain would leave the weights on the GPU: 1 (offload) is the nearest level')
  return level
}
