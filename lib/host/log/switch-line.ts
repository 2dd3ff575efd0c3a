import type { TransitionChange, TransitionPhase, WakeStep, WakeSteps } from '../../events.ts'
import { described, seconds } from './words.ts'

const phaseWords: Record<Exclude<TransitionPhase, 'idle' | 'waking'>, string> = { checking: 'check', draining: 'drain', evicting: 'sleep' }
const stepWords: Record<WakeStep, string> = { memory: 'wait for memory', wake: 'wake', reload: 'reload weights', start: 'start', warmUp: 'warm-up' }

/** Parts below this share of the whole are left out. */
const notable = 0.02

/** A finished switch in one line: which models, how long, its parts, and why. */
export function switchLine (change: TransitionChange): string {
  const { outcome, frozen, reason, phases, error } = change
  const total = Object.values(phases).reduce((sum, phase) => sum + phase, 0)
  const took = seconds(total)
  const parts = breakdown(change).flatMap(([word, ms = 0]) => ms > total * notable ? [`${word} ${seconds(ms)}`] : [])
  if (frozen !== undefined) parts.push(`${frozen} paused`)
  const detail = parts.length === 0 ? '' : ` (${parts.join(', ')})`
  if (error !== undefined) return `${deed(change)} FAILED after ${took}${detail}: ${described(error).text}`
  if (outcome === 'undone') return `${deed(change)} given up after ${took}${detail}: ${reason}`
  return `${deed(change)} took ${took}${detail}: ${reason}`
}

function deed ({ wake, evict, level, steps }: TransitionChange): string {
  const gone = evict.join(' and ')
  if (wake === undefined) return level === 3 ? `stop of ${gone}` : `putting ${gone} to sleep`
  if (evict.length > 0) return `switch from ${gone} to ${wake}`
  return `${steps?.start === undefined ? 'wake' : 'start'} of ${wake}`
}

type Part = readonly [string, number | undefined]

function breakdown ({ phases, frozen, level, steps = {} }: TransitionChange): Part[] {
  const words = { ...phaseWords, ...(frozen !== undefined && { evicting: 'freeze' }), ...(level === 3 && { evicting: 'stop' }) }
  const before = Object.entries(words).map(([phase, word]) => [word, phases[phase as TransitionPhase]] as const)
  const waking = phases.waking === undefined ? [] : wakingParts(phases.waking, steps)
  return [...before, ...waking]
}

/** `other`: stopping an engine that could not wake, or waiting for the remains of another. */
function wakingParts (waking: number, steps: WakeSteps): Part[] {
  const parts = Object.entries(stepWords).map(([step, word]) => [word, steps[step as WakeStep]] as const)
  const rest = waking - Object.values(steps).reduce((sum, step) => sum + step, 0)
  return [...parts, ['other', rest]]
}
