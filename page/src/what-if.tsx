import { useEffect, useRef, useState } from 'preact/hooks'
import { open } from './api.ts'
import { duration, plural } from './format.ts'
import type { Overview } from './types.ts'
import { policyNames } from './worker/messages.ts'
import type { Answer, Question } from './worker/messages.ts'

type Result = Extract<Answer, { kind: 'result' }>

interface Run { results: Result[], about?: string, error?: string, running: boolean }

const words: Record<string, string> = { mean: 'mean wait', p50: 'p50', p95: 'p95', p99: 'p99', max: 'longest', switches: 'switches', switching: 'time switching', 'worst mean': 'worst model', Jain: 'fairness' }

/** What each policy would have done with the traffic so far. */
export function WhatIf ({ overview: { status } }: { overview: Overview }) {
  const [file, setFile] = useState<File>()
  const { run, begin, cancel } = useWorker()
  const known = Object.values(status.costs.wakes).flatMap(row => Object.values(row))
  const starts = Object.values(status.costs.starts)
  const mean = (values: number[]) => values.length === 0 ? status.costs.initial : values.reduce((sum, one) => sum + one, 0) / values.length
  const [over, setOver] = useState(false)

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const seconds = (name: string) => Number(form.get(name)) * 1_000
    begin(async () => ({
      csv: file === undefined ? await (await open('arrivals')).text() : await file.text(),
      policies: policyNames,
      cost: seconds('cost'),
      start: seconds('start'),
      ...form.has('learned') && { learned: status.costs },
      freeze: form.has('freeze'),
      maxConcurrency: Number(form.get('concurrency'))
    }))
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    setFile(event.dataTransfer?.files[0])
  }
  return (
    <div class='stack'>
      <section class={`card ${over ? 'over' : ''}`} aria-labelledby='what-title' onDragOver={event => { event.preventDefault(); setOver(true) }} onDragLeave={() => setOver(false)} onDrop={drop}>
        <header><h1 id='what-title'>What if</h1></header>
        <p class='muted'>Replays the requests since the gateway started, or a file that you drop here, through the same switcher with every policy. It runs in this browser, not in the gateway.</p>
        <form class='what-if' onSubmit={submit}>
          <label>Requests
            <span class='file'>{file === undefined ? 'since the start' : file.name}{file !== undefined && <button type='button' class='quiet' onClick={() => setFile(undefined)}>Not this</button>}</span>
          </label>
          <label>CSV <input type='file' accept='.csv,text/csv' onChange={({ currentTarget }) => setFile(currentTarget.files?.[0])} /></label>
          <label>A switch costs <span><input name='cost' type='number' min='0' step='0.1' required defaultValue={(mean(known) / 1_000).toFixed(1)} /> s</span></label>
          <label>A start costs <span><input name='start' type='number' min='0' step='0.1' required defaultValue={(mean(starts) / 1_000).toFixed(1)} /> s</span></label>
          <label class='check'><input name='learned' type='checkbox' defaultChecked={known.length + starts.length > 0} /> Measured costs take precedence</label>
          <label class='check'><input name='freeze' type='checkbox' defaultChecked={status.models.some(({ freeze }) => freeze === true)} /> Requests in flight may be frozen</label>
          <label>Requests at once <span><input name='concurrency' type='number' min='1' step='1' required defaultValue='32' /></span></label>
          {run.running ? <button type='button' onClick={cancel}>Cancel</button> : <button type='submit' class='primary'>Compare</button>}
        </form>
        {run.running && <div class='progress'><progress aria-label='Policies compared' max={policyNames.length} value={run.results.length} /><span>{run.results.length} of {policyNames.length} policies</span></div>}
        {run.error !== undefined && <p class='error' role='alert'>{run.error}</p>}
      </section>
      {run.results.length > 0 && <Results {...run} />}
    </div>
  )
}

function Results ({ results, about, running }: Run) {
  const [used, setUsed] = useState<string>()
  const best = running ? undefined : results.reduce((least, one) => one.mean < least.mean ? one : least).policy
  return (
    <>
      <section class='card' aria-labelledby='results-title'>
        <header><h2 id='results-title'>Waits by policy</h2><span class='muted'>{about}; seconds</span></header>
        <div class='scroll' tabIndex={0} role='region' aria-label='Waits by policy'>
          <table>
            <thead><tr><th scope='col'>Policy</th>{Object.keys(results[0]!.row).map(name => <th key={name} scope='col' class='number'>{words[name] ?? name}</th>)}<th scope='col'><span class='hidden'>Use it</span></th></tr></thead>
            <tbody>
              {results.map(({ policy, row }) => (
                <tr key={policy}>
                  <td class='name'>{policy}{policy === best && <span class='tag good'>shortest</span>}</td>
                  {Object.entries(row).map(([name, value]) => <td key={name} class='number'>{value}</td>)}
                  <td class='end'><button type='button' aria-label={`Use ${policy}`} onClick={() => setUsed(policy)}>Use this</button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {used !== undefined && <p class='use' role='status'>Set the option <code>policy: '{used}'</code> at registration, or <code>policy: {used}</code> in the file of serve, and restart the gateway.</p>}
      </section>
      <div class='pictures'>
        {results.map(({ policy, picture }) => <figure key={policy} class='card'><img src={`data:image/svg+xml,${encodeURIComponent(picture)}`} alt={`What ${policy} does: a lane for each model, with its queue`} loading='lazy' /></figure>)}
      </div>
    </>
  )
}

function useWorker () {
  const [run, setRun] = useState<Run>({ results: [], running: false })
  const worker = useRef<Worker>(undefined)
  const end = () => {
    worker.current?.terminate()
    worker.current = undefined
  }
  useEffect(() => end, [])
  const take = (answer: Answer) => {
    if (answer.kind === 'read') setRun(({ results, running }) => ({ results, running, about: `${plural(answer.requests, 'request')} for ${plural(answer.models, 'model')} in ${duration(answer.span)}` }))
    else if (answer.kind === 'result') setRun(before => ({ ...before, results: [...before.results, answer] }))
    else {
      end()
      setRun(before => ({ ...before, running: false, ...(answer.kind === 'failed' && { error: answer.message }) }))
    }
  }
  const begin = (ask: () => Promise<Question>) => {
    end()
    setRun({ results: [], running: true })
    const own = worker.current = new Worker(new URL('what-if.js', import.meta.url), { type: 'module' })
    own.onmessage = ({ data }: MessageEvent<Answer>) => take(data)
    own.onerror = ({ message }) => take({ kind: 'failed', message: message || 'The simulator could not be loaded' })
    ask().then(question => own.postMessage(question), (error: Error) => take({ kind: 'failed', message: error.message }))
  }
  const cancel = () => {
    end()
    setRun(before => ({ ...before, running: false }))
  }
  return { run, begin, cancel }
}
