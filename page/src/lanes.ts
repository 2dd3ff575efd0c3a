import type { Shown } from './words.ts'
import type { EngineChange, Overview, TransitionChange } from './types.ts'
import { total } from './words.ts'

export interface Segment { from: number, to: number, state: Shown, reason: string, level?: number | undefined }

export interface Lane { model: string, segments: Segment[] }

interface Known {
  overview: Overview
  engines: readonly EngineChange[]
  transitions: readonly TransitionChange[]
  now: number
}

/** The life of each model as a row of states without gaps, oldest first, as far back as it is known. */
export function lanes ({ overview, engines, transitions, now }: Known): Lane[] {
  const byModel = Map.groupBy(engines, ({ model }) => model)
  const drains = drainsOf(overview, transitions, now)
  return overview.status.models.map(model => {
    const changes = byModel.get(model.name) ?? []
    const segments: Segment[] = changes.map((change, index) => ({
      from: change.time,
      to: changes[index + 1]?.time ?? now,
      state: change.to === 'asleep' && (change.frozen ?? 0) > 0 ? 'frozen' : change.to,
      reason: change.error?.message ?? change.reason,
      level: change.level
    }))
    const [first] = changes
    if (first !== undefined) segments.unshift({ from: first.time - first.duration, to: first.time, state: first.from, reason: '' })
    else segments.push({ from: model.since, to: now, state: model.state, reason: '', level: model.level })
    return { model: model.name, segments: segments.flatMap(segment => split(segment, drains.get(model.name) ?? [])) }
  })
}

interface Span { from: number, to: number }

/** When each model drained: it is awake meanwhile, but lets nobody in. */
function drainsOf (overview: Overview, transitions: readonly TransitionChange[], now: number): Map<string, Span[]> {
  const drains = new Map<string, Span[]>()
  const add = (model: string, from: number, to: number) => drains.set(model, [...drains.get(model) ?? [], { from, to }])
  for (const change of transitions) {
    const { draining = 0, checking = 0 } = change.phases
    if (draining < 1) continue
    const from = change.time - total(change) + checking
    change.evict.forEach(model => add(model, from, from + draining))
  }
  for (const { phase, since, evict } of overview.status.transitions) {
    if (phase === 'draining') evict.forEach(model => add(model, since, now))
  }
  return drains
}

function split (segment: Segment, drains: readonly Span[]): Segment[] {
  if (segment.state !== 'awake') return [segment]
  const parts: Segment[] = []
  let { from } = segment
  for (const drain of drains) {
    const begin = Math.max(from, drain.from)
    const end = Math.min(segment.to, drain.to)
    if (end <= begin) continue
    if (begin > from) parts.push({ ...segment, from, to: begin })
    parts.push({ ...segment, from: begin, to: end, state: 'draining', reason: 'it finishes its requests, and admits none' })
    from = end
  }
  if (segment.to > from) parts.push({ ...segment, from })
  return parts
}
