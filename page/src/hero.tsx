import { duration, percentile } from './format.ts'
import { now, useStore } from './store.ts'
import type { Overview } from './types.ts'
import { headline, nextStep, total } from './words.ts'

/** The figures for the first ten seconds. */
export function Hero ({ overview }: { overview: Overview }) {
  const { responses, transitions } = useStore()
  const { status, waiting } = overview
  const flying = status.models.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const frozen = status.models.reduce((sum, model) => sum + (model.frozen ?? 0), 0)
  const longest = waiting.reduce((most, { since }) => Math.max(most, overview.time - since), 0)
  const recent = responses.filter(({ time }) => time > now() - 600_000)
  const bad = recent.filter(({ outcome }) => outcome === 'server_error' || outcome === 'cut').length
  const wait = percentile(recent.map(({ queued }) => queued), 0.95)
  const cost = percentile(transitions.filter(({ outcome, wake }) => outcome === 'done' && wake !== undefined).slice(-50).map(total), 0.5)
  return (
    <section class='hero' aria-label='Now'>
      <div class='says'>
        <h1>{headline(overview)}</h1>
        <p>{nextStep(overview, now())}</p>
      </div>
      <dl class='figures'>
        <Figure label='in flight' value={String(flying)} note={frozen > 0 ? `and ${frozen} frozen` : undefined} />
        <Figure label='waiting' value={String(status.waiting)} note={longest > 0 ? `longest ${duration(longest)}` : undefined} warn={longest > 30_000} />
        <Figure label='p95 wait, 10 min' value={wait === undefined ? '–' : duration(wait)} />
        <Figure label='time per switch' value={cost === undefined ? '–' : duration(cost)} />
        <Figure label='failed, 10 min' value={String(bad)} note={recent.length > 0 ? `of ${recent.length}` : undefined} warn={bad > 0} />
      </dl>
    </section>
  )
}

function Figure ({ label, value, note, warn = false }: { label: string, value: string, note?: string | undefined, warn?: boolean }) {
  return <div><dt>{label}</dt><dd class={warn ? 'warn' : undefined}>{value}{note !== undefined && <small>{note}</small>}</dd></div>
}
