import { useEffect, useReducer } from 'preact/hooks'
import type { Counts, EngineChange, History, Overview, Progress, ResponseEnd, TransitionChange } from './types.ts'

export interface Connection {
  live: boolean
  /** When it was lost, by this machine's clock. */
  lostAt?: number
  reason?: string
}

export interface Note { id: number, kind: 'good' | 'bad', text: string }

export interface State {
  view: 'loading' | 'sign-in' | 'refused' | 'ready'
  connection: Connection
  overview: Overview | undefined
  /** Milliseconds by which the gateway's clock is ahead of ours. */
  ahead: number
  engines: EngineChange[]
  transitions: TransitionChange[]
  responses: ResponseEnd[]
  counts: Counts[]
  progress: Map<string, Progress>
  notes: Note[]
}

/** So many of each are kept: the page is left open for weeks. */
const most = { engines: 2_000, transitions: 2_000, responses: 2_000, counts: 4_000 }

export const state: State = {
  view: 'loading',
  connection: { live: false },
  overview: undefined,
  ahead: 0,
  engines: [],
  transitions: [],
  responses: [],
  counts: [],
  progress: new Map(),
  notes: []
}

/** The gateway's time, which all times of its are told in. */
export const now = () => Date.now() + state.ahead

const listeners = new Set<() => void>()
let due = false
let drawnAt = 0

/** Milliseconds from one drawing to the next at least: nobody reads faster, however many events come. */
const pace = 120

/** Something has changed: draws soon, and once for all that changes until then. */
export function changed (): void {
  if (due) return
  due = true
  setTimeout(() => {
    due = false
    drawnAt = performance.now()
    listeners.forEach(listener => listener())
  }, Math.max(0, drawnAt + pace - performance.now()))
}

/** Draws the component whenever something has changed. */
export function useStore (): State {
  const [, draw] = useReducer<number, void>(count => count + 1, 0)
  useEffect(() => {
    const listener = () => draw()
    listeners.add(listener)
    return () => { listeners.delete(listener) }
  }, [])
  return state
}

function keep<T> (list: T[], items: T[], limit: number): void {
  list.push(...items)
  if (list.length > limit) list.splice(0, list.length - limit)
}

export function remember (history: History): void {
  state.engines = history.engines
  state.transitions = history.transitions
  state.responses = history.responses
  state.counts = history.counts
  changed()
}

export function addEngine (change: EngineChange): void {
  if (change.to !== 'starting') state.progress.delete(change.model)
  keep(state.engines, [change], most.engines)
}

export function addTransition (change: TransitionChange): void {
  if (change.to === 'idle') keep(state.transitions, [change], most.transitions)
}

export function addResponse (end: ResponseEnd): void {
  keep(state.responses, [end], most.responses)
}

export function see (overview: Overview): void {
  state.overview = overview
  state.ahead = overview.time - Date.now()
  const { models } = overview.status
  const busy = models.filter(({ inFlight, waiting, frozen = 0 }) => inFlight + waiting + frozen > 0)
  const last = state.counts.at(-1)
  // A quiet minute is one entry, not sixty.
  if (busy.length > 0 || last === undefined || Object.keys(last.models).length > 0) {
    keep(state.counts, [{ time: overview.time, models: Object.fromEntries(busy.map(({ name, inFlight, waiting, frozen = 0 }) => [name, [inFlight, waiting, frozen]])) }], most.counts)
  }
  changed()
}

let lastNote = 0

export function tell (kind: Note['kind'], text: string): void {
  const note = { id: ++lastNote, kind, text }
  state.notes = [...state.notes.slice(-3), note]
  changed()
  setTimeout(() => {
    state.notes = state.notes.filter(other => other !== note)
    changed()
  }, kind === 'good' ? 5_000 : 15_000)
}
