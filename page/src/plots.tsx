import { clockTime, duration, percentile } from './format.ts'
import { now, useStore } from './store.ts'
import type { Overview } from './types.ts'
import { switchTitle, total } from './words.ts'

/** Each as a dot at its time, with the two figures as lines. */
interface Dot { time: number, value: number, title: string, bad: boolean }

/** Milliseconds that are shown at most, and at least. */
const longest = 1_800_000
const shortest = 120_000
const width = 640
const height = 150
const edge = { left: 44, right: 8, top: 10, bottom: 20 }

export function Plots (_: { overview: Overview }) {
  const { responses, transitions } = useStore()
  const since = now() - longest
  const waits = responses.filter(({ time }) => time > since).map(({ time, queued, model = 'none', outcome }) => ({ time, value: queued, title: `${model}: ${duration(queued)}`, bad: outcome === 'server_error' || outcome === 'cut' }))
  const costs = transitions.filter(({ time, wake }) => time > since && wake !== undefined).map(change => ({ time: change.time, value: total(change), title: `${switchTitle(change)}: ${duration(total(change))}`, bad: change.outcome === 'failed' }))
  return (
    <div class='plots'>
      <Plot title='Waits' dots={waits} empty='No request has ended in the last half hour.' />
      <Plot title='Switches' dots={costs} empty='No switch in the last half hour.' />
    </div>
  )
}

function Plot ({ title, dots, empty }: { title: string, dots: Dot[], empty: string }) {
  const values = dots.map(({ value }) => value)
  const p50 = percentile(values, 0.5)
  const p95 = percentile(values, 0.95)
  const right = now()
  // No further back than there is anything to see.
  const span = Math.min(longest, Math.max(shortest, right - Math.min(...dots.map(({ time }) => time))))
  const highest = Math.max(1_000, ...values) * 1.05
  const x = (time: number) => edge.left + (1 - (right - time) / span) * (width - edge.left - edge.right)
  // By the root: short waits are to be told apart beside the long ones.
  const y = (value: number) => height - edge.bottom - Math.sqrt(value / highest) * (height - edge.top - edge.bottom)
  return (
    <section class='card plot' aria-label={title}>
      <header><h2>{title}</h2>{p50 !== undefined && <span class='muted'>p50 {duration(p50)} · p95 {duration(p95!)} · {dots.length} in {duration(span)}</span>}</header>
      {p50 === undefined
        ? <p class='muted'>{empty}</p>
        : (
          <svg viewBox={`0 0 ${width} ${height}`} role='img' aria-label={`${title} of the last ${duration(span)}: half of them below ${duration(p50)}, 95 percent below ${duration(p95!)}`}>
            <line class='axis' x1={edge.left} x2={width - edge.right} y1={height - edge.bottom} y2={height - edge.bottom} />
            <text x={edge.left - 6} y={edge.top + 8} text-anchor='end'>{duration(highest)}</text>
            <text x={edge.left - 6} y={height - edge.bottom} text-anchor='end'>0</text>
            <text x={edge.left} y={height - 4}>{clockTime(right - span).slice(0, 5)}</text>
            <text x={width - edge.right} y={height - 4} text-anchor='end'>now</text>
            {dots.slice(-600).map(({ time, value, title: text, bad }, index) => <circle key={`${time}${index}`} class={bad ? 'bad' : undefined} cx={x(time)} cy={y(value)} r='2.5'><title>{text}</title></circle>)}
            <line class='p50' x1={edge.left} x2={width - edge.right} y1={y(p50)} y2={y(p50)} />
            <line class='p95' x1={edge.left} x2={width - edge.right} y1={y(p95!)} y2={y(p95!)} />
            <text class='label' x={edge.left + 4} y={y(p50) - 4}>p50 {duration(p50)}</text>
            {y(p50) - y(p95!) > 14 && <text class='label' x={edge.left + 4} y={y(p95!) - 4}>p95 {duration(p95!)}</text>}
          </svg>
          )}
    </section>
  )
}
