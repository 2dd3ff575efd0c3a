import { act } from './actions.ts'
import { duration, plural, ticking } from './format.ts'
import { now, useStore } from './store.ts'
import type { Model, Overview, Status } from './types.ts'
import { errorHead, shownState } from './words.ts'
import type { Shown } from './words.ts'

export function Chip ({ state, children }: { state: Shown, children?: string }) {
  return <span class={`chip ${state}`}><i />{state}{children}</span>
}

export function Models ({ overview: { status } }: { overview: Overview }) {
  return (
    <section class='card' aria-labelledby='models-title'>
      <header><h2 id='models-title'>Models</h2></header>
      <ul class='models'>{status.models.map(model => <Card key={model.name} model={model} status={status} />)}</ul>
    </section>
  )
}

function Card ({ model, status }: { model: Model, status: Status }) {
  const { name, inFlight, waiting, frozen = 0, error, since } = model
  const disabled = status.disabled.includes(name)
  const pinned = status.pinned.includes(name)
  const busy = [inFlight > 0 && `${inFlight} in flight`, frozen > 0 && `${frozen} frozen`, waiting > 0 && `${waiting} waiting`].filter(Boolean).join(', ')
  return (
    <li class={`model ${disabled ? 'off' : ''}`}>
      <div class='model-head'>
        <h3><a href={`#/model/${encodeURIComponent(name)}`}>{name}</a></h3>
        <Chip state={shownState(model, status.transitions)}>{model.level !== undefined ? ` · level ${model.level}` : ''}</Chip>
        {disabled && <span class='tag bad'>disabled</span>}
        {pinned && <span class='tag'>pinned</span>}
        {model.leaving && <span class='tag'>leaving</span>}
        <span class='muted since'>{ticking(now() - since)}</span>
      </div>
      <p class='model-now'>{busy || <span class='muted'>no requests</span>}</p>
      <StartProgress model={model} />
      {error !== undefined && model.state !== 'awake' && <p class='error'>{errorHead(error)}</p>}
      <Buttons model={model} status={status} />
    </li>
  )
}

export function Buttons ({ model, status }: { model: Model, status: Status }) {
  const up = model.state === 'awake'
  const running = !['stopped', 'failed'].includes(model.state)
  const disabled = status.disabled.includes(model.name)
  const pinned = status.pinned.includes(model.name)
  return (
    <div class='buttons'>
      {!up && !disabled && <button type='button' onClick={() => act({ kind: 'switch', model }, status)} aria-label={`Switch to ${model.name}`}>Switch</button>}
      {up && <button type='button' onClick={() => act({ kind: 'sleep', model, level: 1 }, status)} aria-label={`Put ${model.name} to sleep at level 1`}>Sleep</button>}
      {up && <button type='button' onClick={() => act({ kind: 'sleep', model, level: 2 }, status)} aria-label={`Sleep 2: put ${model.name} to sleep at level 2`}>Sleep 2</button>}
      {running && <button type='button' onClick={() => act({ kind: 'stop', model }, status)} aria-label={`Stop ${model.name}`}>Stop</button>}
      {running && !disabled && <button type='button' onClick={() => act({ kind: 'restart', model }, status)} aria-label={`Restart ${model.name}`}>Restart</button>}
      {!disabled && !pinned && <button type='button' onClick={() => act({ kind: 'pin', model }, status)} aria-label={`Pin ${model.name}`}>Pin</button>}
      {pinned && <button type='button' onClick={() => act({ kind: 'unpin' }, status)}>Unpin</button>}
      {disabled
        ? <button type='button' onClick={() => act({ kind: 'enable', model }, status)} aria-label={`Enable ${model.name}`}>Enable</button>
        : <button type='button' onClick={() => act({ kind: 'disable', model }, status)} aria-label={`Disable ${model.name}`}>Disable</button>}
    </div>
  )
}

export function StartProgress ({ model }: { model: Model }) {
  const state = useStore()
  if (model.state !== 'starting') return null
  const progress = state.progress.get(model.name) ?? model.progress
  const elapsed = now() - model.since
  const left = progress?.remaining === undefined ? undefined : Math.max(0, progress.remaining - (elapsed - progress.elapsed))
  const share = left === undefined ? undefined : Math.min(0.98, elapsed / (elapsed + left))
  const stage = progress === undefined ? 'starting' : `${progress.stage}${progress.total === undefined ? '' : ` ${progress.done} of ${progress.total}`}`
  return (
    <div class='progress'>
      <progress aria-label={`Start of ${model.name}`} max={1} {...share === undefined ? {} : { value: share }} />
      <span>{stage}, {ticking(elapsed)}{left === undefined ? '' : `, about ${ticking(left)} left`}</span>
    </div>
  )
}

export function Learned ({ model, status }: { model: Model, status: Status }) {
  const { learned, failures, retryAt } = model
  const wakes = Object.values(status.costs.wakes).flatMap(row => row[model.name] ?? [])
  const start = status.costs.starts[model.name]
  const rows: Array<[string, string]> = [
    ['time per request', duration(learned.serviceTime)],
    ['thaw, per request', duration(learned.thawTime)],
    ['drain', duration(learned.drainTime)],
    ['requests per minute', (learned.arrivalRate * 60_000).toFixed(1)],
    ['waiting on average', learned.averageWaiting.toFixed(1)],
    ['cost of a start', start === undefined ? 'not measured' : duration(start)],
    ['cost of a wake', wakes.length === 0 ? 'not measured' : duration(wakes.reduce((sum, one) => sum + one, 0) / wakes.length)],
    ...failures > 0 ? [['failed in a row', plural(failures, 'start')] as [string, string]] : [],
    ...retryAt !== undefined && retryAt > now() ? [['next try in', ticking(retryAt - now())] as [string, string]] : []
  ]
  return <dl class='facts'>{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
}
