import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { clockTime, duration, plural } from './format.ts'
import { lanes } from './lanes.ts'
import type { Lane, Segment } from './lanes.ts'
import { draw, geometry } from './timeline-canvas.ts'
import type { Geometry } from './timeline-canvas.ts'
import { now, useStore } from './store.ts'
import type { EngineChange, Overview, TransitionChange } from './types.ts'
import { errorHead, phaseText, switchTitle, total } from './words.ts'

const ranges = [{ label: '2 min', span: 120_000 }, { label: '10 min', span: 600_000 }, { label: '1 h', span: 3_600_000 }]

/** Two minutes as long as there is no more to see. */
function spanFor (engines: readonly EngineChange[]): number {
  const [first] = engines
  return first === undefined || now() - first.time < 150_000 ? ranges[0]!.span : ranges[1]!.span
}

interface Pointed { x: number, y: number, title: string, lines: string[] }

/** Which models share a GPU is seen by their lanes lying together. */
export function gpusOf (overview: Overview): Array<{ gpu: string, models: string[] }> {
  const byGpu = Map.groupBy(overview.status.models, ({ gpus }) => gpus.join(', '))
  return [...byGpu].map(([gpu, models]) => ({ gpu, models: models.map(({ name }) => name) }))
}

export function Timeline ({ overview }: { overview: Overview }) {
  const state = useStore()
  const [span, setSpan] = useState(() => spanFor(state.engines))
  /** The time at the right end; undefined: now. */
  const [end, setEnd] = useState<number>()
  const [pointed, setPointed] = useState<Pointed>()
  const canvas = useRef<HTMLCanvasElement>(null)
  const view = useRef<{ lanes: Lane[], geometry: Geometry }>(undefined)
  const drag = useRef<{ x: number, end: number }>(undefined)
  const [, tick] = useState(0)

  const right = end ?? now()
  const left = right - span
  const groups = gpusOf(overview)
  const order = groups.flatMap(({ models }) => models)
  const all = lanes({ overview, engines: state.engines, transitions: state.transitions, now: now() }).sort((a, b) => order.indexOf(a.model) - order.indexOf(b.model))

  useLayoutEffect(() => {
    const element = canvas.current!
    view.current = { lanes: all, geometry: geometry(element.clientWidth, all.length, left, right) }
    draw(element, view.current.lanes, { counts: state.counts, transitions: state.transitions, geometry: view.current.geometry })
  })

  useEffect(() => {
    // Time goes on while nothing happens, and the window may get another width.
    const timer = setInterval(() => { if (!document.hidden) tick(count => count + 1) }, 1_000)
    const observer = new ResizeObserver(() => tick(count => count + 1))
    observer.observe(canvas.current!)
    const theme = matchMedia('(prefers-color-scheme: dark)')
    const again = () => tick(count => count + 1)
    theme.addEventListener('change', again)
    return () => { clearInterval(timer); observer.disconnect(); theme.removeEventListener('change', again) }
  }, [])

  const move = (by: number) => {
    const next = right + by
    setEnd(next >= now() ? undefined : next)
    setPointed(undefined)
  }
  const onPointerMove = (event: PointerEvent) => {
    if (drag.current !== undefined) {
      const wanted = drag.current.end + (drag.current.x - event.clientX) * span / canvas.current!.clientWidth
      setEnd(wanted >= now() ? undefined : wanted)
      return setPointed(undefined)
    }
    const box = canvas.current!.getBoundingClientRect()
    setPointed(what(event.clientX - box.left, event.clientY - box.top, view.current!, state.transitions))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowLeft: -span / 4, ArrowRight: span / 4, PageUp: -span, PageDown: span }
    const step = steps[event.key]
    if (event.key === 'End') setEnd(undefined)
    else if (step !== undefined) move(step)
    else return
    event.preventDefault()
  }

  return (
    <section class='card timeline' aria-labelledby='timeline-title'>
      <header>
        <h2 id='timeline-title'>Timeline</h2>
        <div class='segmented' role='group' aria-label='Range'>
          {ranges.map(({ label, span: one }) => <button key={label} type='button' aria-pressed={one === span} onClick={() => setSpan(one)}>{label}</button>)}
        </div>
        <button type='button' class='quiet' onClick={() => move(-span / 2)} aria-label='Earlier'>‹</button>
        <button type='button' class='quiet' disabled={end === undefined} onClick={() => move(span / 2)} aria-label='Later'>›</button>
        <button type='button' class='quiet live' disabled={end === undefined} onClick={() => setEnd(undefined)}>{end === undefined ? 'Now' : 'Back to now'}</button>
      </header>
      <div class='lanes'>
        <ul class='lane-names' aria-hidden='true'>
          {groups.map(({ gpu, models }) => models.map((name, index) => <li key={name}>{index === 0 && groups.length > 1 && <small>{gpu === '' ? 'elsewhere' : `GPU ${gpu}`}</small>}<span>{name}</span></li>))}
        </ul>
        <div class='lane-canvas'>
          <canvas
            ref={canvas}
            tabIndex={0}
            role='img'
            aria-label={`States of ${plural(all.length, 'model')} from ${clockTime(left)} to ${clockTime(right)}. Arrow keys move in time. The same is in the list of switches below.`}
            style={{ height: `${all.length * 44 + 26}px` }}
            onPointerMove={onPointerMove}
            onPointerLeave={() => setPointed(undefined)}
            onPointerDown={event => { drag.current = { x: event.clientX, end: right }; canvas.current!.setPointerCapture(event.pointerId) }}
            onPointerUp={() => { drag.current = undefined }}
            onPointerCancel={() => { drag.current = undefined }}
            onKeyDown={onKeyDown}
          />
          {pointed !== undefined && (
            <div class='tip' style={{ left: `${pointed.x}px`, top: `${pointed.y}px` }}>
              <strong>{pointed.title}</strong>
              {pointed.lines.map(line => <div key={line}>{line}</div>)}
            </div>
          )}
        </div>
      </div>
      <ul class='legend' aria-label='Legend'>
        {(['awake', 'draining', 'frozen', 'asleep', 'waking', 'starting', 'failed'] as const).map(name => <li key={name}><i class={`swatch ${name}`} />{name}</li>)}
        <li><i class='swatch queue' />waiting</li>
      </ul>
      <details class='switches'>
        <summary>{plural(state.transitions.length, 'switch', 'switches')}, with phases and reasons</summary>
        <Switches transitions={state.transitions} />
      </details>
    </section>
  )
}

function Switches ({ transitions }: { transitions: readonly TransitionChange[] }) {
  return (
    <div class='scroll'>
      <table>
        <thead><tr><th scope='col'>Ended</th><th scope='col'>Switch</th><th scope='col' class='number'>Took</th><th scope='col'>Phases</th><th scope='col'>Why</th></tr></thead>
        <tbody>
          {transitions.slice(-50).reverse().map(one => (
            <tr key={`${one.time}${one.model}`}>
              <td class='time'>{clockTime(one.time)}</td>
              <td>{switchTitle(one)}{one.outcome !== 'done' && <span class='tag bad'>{one.outcome}</span>}</td>
              <td class='number'>{duration(total(one))}</td>
              <td>{phaseText(one.phases)}</td>
              <td>{one.error === undefined ? one.reason : errorHead(one.error)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** What is under the pointer: the switch that was going on there, or the state of the lane. */
function what (x: number, y: number, { lanes, geometry }: { lanes: Lane[], geometry: Geometry }, transitions: readonly TransitionChange[]): Pointed | undefined {
  const lane = lanes[Math.floor((y - geometry.top) / geometry.row)]
  if (lane === undefined || x < 0 || x > geometry.width) return undefined
  const time = geometry.time(x)
  const near = 4 * geometry.perPixel
  const segment = lane.segments.find(({ from, to }) => time >= from && time < to)
  const change = transitions.findLast(one => time >= one.time - total(one) - near && time <= one.time + near && (one.wake === lane.model || one.evict.includes(lane.model)))
  const place = { x: Math.min(Math.max(x, 90), geometry.width - 90), y: y + 18 }
  if (change !== undefined) {
    const error = change.error === undefined ? [] : [errorHead(change.error)]
    return { ...place, title: `${switchTitle(change)}: ${duration(total(change))}${change.outcome === 'done' ? '' : `, ${change.outcome}`}`, lines: [phaseText(change.phases), change.reason, ...error, clockTime(change.time)].filter(Boolean) }
  }
  return segment && { ...place, title: `${lane.model}: ${stateText(segment)}`, lines: [`${duration(segment.to - segment.from)}, from ${clockTime(segment.from)}`, segment.reason].filter(Boolean) }
}

function stateText ({ state, level }: Segment): string {
  return level === undefined ? state : `${state} at level ${level}`
}
