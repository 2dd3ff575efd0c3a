import { clockTime, ticking } from './format.ts'
import { Log } from './log.tsx'
import { Buttons, Chip, Learned, StartProgress } from './models.tsx'
import { now, useStore } from './store.ts'
import type { Overview } from './types.ts'
import { errorText, shownState } from './words.ts'

/** All that there is to know of one model. */
export function ModelPanel ({ name, overview: { status } }: { name: string, overview: Overview }) {
  const { engines } = useStore()
  const model = status.models.find(one => one.name === name)
  if (model === undefined) return <section class='card'><h1>{name}</h1><p>There is no such model (any more).</p><p><a href='#/'>Back</a></p></section>
  const failed = engines.findLast(change => change.model === name && change.error !== undefined)
  const error = model.error ?? failed?.error
  const when = model.error === undefined ? failed?.time : model.since
  return (
    <div class='stack'>
      <section class='card' aria-labelledby='model-title'>
        <header class='model-title'>
          <a href='#/' class='back'>← All models</a>
          <h1 id='model-title'>{name}</h1>
          <Chip state={shownState(model, status.transitions)}>{model.level !== undefined ? ` · level ${model.level}` : ''}</Chip>
          <span class='muted'>for {ticking(now() - model.since)}</span>
        </header>
        <StartProgress model={model} />
        <dl class='facts'>
          <div><dt>in flight</dt><dd>{model.inFlight}</dd></div>
          <div><dt>waiting</dt><dd>{model.waiting + model.passive}</dd></div>
          {(model.frozen ?? 0) > 0 && <div><dt>frozen</dt><dd>{model.frozen}</dd></div>}
          <div><dt>GPU</dt><dd>{model.gpus.join(', ') || 'none: it runs elsewhere'}</dd></div>
          <div><dt>process group</dt><dd>{model.pid ?? 'none'}</dd></div>
          {[...model.aliases, ...model.adapters].length > 0 && <div><dt>also called</dt><dd>{[...model.aliases, ...model.adapters].join(', ')}</dd></div>}
        </dl>
        <Buttons model={model} status={status} />
      </section>
      {error !== undefined && (
        <section class='card' aria-labelledby='error-title'>
          <header><h2 id='error-title'>Last error</h2>{when !== undefined && <span class='muted'>{clockTime(when)}</span>}</header>
          <pre class='error-text' tabIndex={0}>{errorText(error)}</pre>
        </section>
      )}
      <section class='card' aria-labelledby='learned-title'>
        <header><h2 id='learned-title'>Learned</h2></header>
        <Learned model={model} status={status} />
      </section>
      <Log name={name} />
    </div>
  )
}
