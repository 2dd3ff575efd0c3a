import { duration, plural, ticking } from './format.ts'
import type { ErrorText, Model, Overview, RunningTransition, TransitionChange } from './types.ts'

/** How a state is shown: what the lanes, the chips and the words have in common. */
export type Shown = 'stopped' | 'starting' | 'awake' | 'draining' | 'frozen' | 'sleeping' | 'asleep' | 'waking' | 'stopping' | 'failed'

const list = (names: string[]) => names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

export function shownState (model: Model, transitions: readonly RunningTransition[]): Shown {
  if (model.state === 'awake' && transitions.some(({ phase, evict }) => phase === 'draining' && evict.includes(model.name))) return 'draining'
  if (model.state === 'asleep' && (model.frozen ?? 0) > 0) return 'frozen'
  return model.state
}

/** What the GPUs are doing, in a sentence. */
export function headline ({ status: { models, transitions } }: Overview): string {
  const [first] = transitions
  if (first !== undefined) return underWay(first)
  const awake = models.filter(({ state }) => state === 'awake').map(({ name }) => name)
  if (awake.length > 0) return `${list(awake)} ${awake.length === 1 ? 'is' : 'are'} awake`
  const starting = models.find(({ state }) => state === 'starting')
  if (starting !== undefined) return `${starting.name} is starting`
  return 'No model is awake'
}

function underWay ({ phase, wake, evict }: RunningTransition): string {
  const goes = list(evict)
  if (wake === undefined) return phase === 'draining' ? `${goes} is finishing, then goes to sleep` : `${goes} is going to sleep`
  if (phase === 'waking') return `${wake} is coming up`
  if (phase === 'evicting') return `${goes} is going to sleep for ${wake}`
  if (phase === 'draining' && evict.length > 0) return `${goes} is finishing, then ${wake} takes over`
  return `${wake} is next`
}

/** What the policy would do next, and when. */
export function nextStep ({ status, next }: Overview, now: number): string {
  const { models, transitions, paused, pinned } = status
  const waited = models.filter(({ waiting, state }) => waiting > 0 && state !== 'awake')
  if (paused === 'traffic') return 'Traffic is paused: no request is admitted until it is resumed.'
  if (paused === 'switching') return 'Switching is paused: sleeping models stay asleep.'
  const [first] = transitions
  if (first !== undefined) return during(first, models, now)
  if (waited.length === 0) return calm(models)
  const wait = list(waited.map(({ name, waiting }) => `${waiting} ${waiting === 1 ? 'waits' : 'wait'} for ${name}`))
  const awake = models.filter(({ state }) => state === 'awake')
  const flying = awake.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const because = `${plural(flying, 'request')} in flight, ${wait}`
  if (next?.wake !== undefined) return `Goes to ${next.wake} now: ${because}.`
  if (pinned.length > 0 && awake.some(({ name }) => pinned.includes(name))) return `Stays with ${list(pinned)}, which is pinned: ${because}.`
  const stays = awake.length === 0 ? 'No model can be woken now' : `Stays with ${list(awake.map(({ name }) => name))}`
  if (next?.lookAgainAt !== undefined) return `${stays} for at most ${ticking(next.lookAgainAt - now)} more: ${because}.`
  return `${stays}: ${because}.`
}

function during ({ phase, wake, evict, since, reason }: RunningTransition, models: readonly Model[], now: number): string {
  const flying = models.filter(({ name }) => evict.includes(name)).reduce((sum, { inFlight }) => sum + inFlight, 0)
  const waiting = models.find(({ name }) => name === wake)?.waiting ?? 0
  const begun = `it began ${ticking(now - since)} ago, since ${reason}`
  if (phase === 'draining' && flying > 0) return `${plural(flying, 'request')} still in flight${wake === undefined ? '' : `, ${waiting} ${waiting === 1 ? 'waits' : 'wait'} for ${wake}`}; ${begun}.`
  return `${waiting > 0 ? `${waiting} ${waiting === 1 ? 'waits' : 'wait'} for it; ` : ''}${begun}.`
}

function calm (models: readonly Model[]): string {
  const queued = models.filter(({ waiting }) => waiting > 0)
  if (queued.length > 0) return `All places are taken: ${list(queued.map(({ name, waiting }) => `${waiting} ${waiting === 1 ? 'waits' : 'wait'} for ${name}`))}.`
  return 'Nobody waits.'
}

const phaseNames: Record<string, string> = { checking: 'check', draining: 'drain', evicting: 'sleep', waking: 'wake' }

export function phaseText (phases: TransitionChange['phases']): string {
  return Object.entries(phases).filter(([, spent]) => spent >= 1).map(([phase, spent]) => `${phaseNames[phase] ?? phase} ${duration(spent)}`).join(', ')
}

export const total = ({ phases }: Pick<TransitionChange, 'phases'>) => Object.values(phases).reduce((sum, spent) => sum + spent, 0)

export function switchTitle ({ wake, evict }: Pick<TransitionChange, 'wake' | 'evict'>): string {
  if (wake === undefined) return `${list(evict)} to sleep`
  return evict.length === 0 ? `to ${wake}` : `${list(evict)} → ${wake}`
}

/** An error in one line, with what the engine says of it itself. */
export function errorHead ({ message, causeLine }: ErrorText): string {
  return causeLine === undefined ? message : `${message} (${causeLine})`
}

/** An error with the engine's last lines, where there is room for them. */
export function errorText (error: ErrorText): string {
  const { lastLines = [] } = error
  return lastLines.length === 0 ? errorHead(error) : `${errorHead(error)}; its last lines:\n${lastLines.join('\n')}`
}
