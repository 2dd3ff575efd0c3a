import { useState } from 'preact/hooks'
import { act } from './actions.ts'
import { bytes, clockTime, duration, plural, ticking } from './format.ts'
import { now, useStore } from './store.ts'
import type { Overview, ResponseEnd } from './types.ts'

/** So long without a byte, and a request in flight is worth a look. Milliseconds. */
const suspicious = 15_000

export function WaitingList ({ overview, short = false }: { overview: Overview, short?: boolean }) {
  const { waiting, status } = overview
  const shown = [...waiting].sort((a, b) => a.since - b.since).slice(0, short ? 6 : 200)
  return (
    <section class='card' aria-labelledby='waiting-title'>
      <header><h2 id='waiting-title'>Waiting</h2><span class='count'>{status.waiting}</span>{short && status.waiting > shown.length && <a href='#/requests'>all</a>}</header>
      {shown.length === 0
        ? <p class='muted'>Nobody waits.</p>
        : (
          <div class='scroll' tabIndex={0} role='region' aria-label='Who waits'>
            <table>
              <thead><tr><th scope='col'>Model</th><th scope='col' class='number'>Place</th><th scope='col' class='number'>For</th><th scope='col' class='number'>Still about</th>{!short && <><th scope='col' class='number'>Priority</th><th scope='col'>Route</th><th scope='col'>Request</th></>}<th scope='col'><span class='hidden'>End it</span></th></tr></thead>
              <tbody>
                {shown.map(one => (
                  <tr key={one.id}>
                    <td class='name'>{one.model}</td>
                    <td class='number'>{one.position}</td>
                    <td class='number'>{ticking(now() - one.since)}</td>
                    <td class='number'>{one.mayCauseSwitch ? ticking(one.wait) : 'until it is awake'}</td>
                    {!short && <><td class='number'>{one.priority}</td><td>{one.route ?? 'in code'}</td><td>{one.request ?? one.id}</td></>}
                    <td class='end'><button type='button' class='quiet' aria-label={`End request ${one.request ?? one.id}`} onClick={() => act({ kind: 'cut', request: one }, status)}>End</button></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          )}
    </section>
  )
}

export function InFlightList ({ overview, short = false }: { overview: Overview, short?: boolean }) {
  const { inFlight, status } = overview
  const shown = inFlight.slice(0, short ? 6 : 200)
  const count = status.models.reduce((sum, model) => sum + model.inFlight + (model.frozen ?? 0), 0)
  return (
    <section class='card' aria-labelledby='flight-title'>
      <header><h2 id='flight-title'>In flight</h2><span class='count'>{count}</span>{short && count > shown.length && <a href='#/requests'>all</a>}</header>
      {shown.length === 0
        ? <p class='muted'>No request is in flight.</p>
        : (
          <div class='scroll' tabIndex={0} role='region' aria-label='Requests in flight'>
            <table>
              <thead><tr><th scope='col'>Model</th><th scope='col' class='number'>For</th><th scope='col' class='number'>Last byte</th>{!short && <><th scope='col' class='number'>Sent</th><th scope='col'>Route</th><th scope='col'>Request</th></>}<th scope='col'><span class='hidden'>End it</span></th></tr></thead>
              <tbody>
                {shown.map(one => {
                  const quiet = now() - (one.heard ?? one.since)
                  return (
                    <tr key={one.id}>
                      <td class='name'>{one.model}{one.frozen && <span class='tag'>frozen</span>}</td>
                      <td class='number'>{ticking(now() - one.since)}</td>
                      <td class={`number ${quiet > suspicious && !one.frozen ? 'warn' : ''}`}>{one.heard === undefined ? 'none yet' : quiet < 1_500 ? 'just now' : `${ticking(quiet)} ago`}</td>
                      {!short && <><td class='number'>{bytes(one.output)}</td><td>{one.route ?? 'in code'}</td><td>{one.request ?? one.id}</td></>}
                      <td class='end'><button type='button' class='quiet' aria-label={`End request ${one.request ?? one.id}`} onClick={() => act({ kind: 'cut', request: one }, status)}>End</button></td>
                    </tr>
                  )
                })}
              </tbody>
            </table>
          </div>
          )}
    </section>
  )
}

const outcomes: Record<ResponseEnd['outcome'], string> = { ok: 'answered', client_error: 'refused', overloaded: 'too many', server_error: 'failed', cut: 'cut', left: 'client left' }

export function Recent () {
  const { responses } = useStore()
  const [bad, setBad] = useState(false)
  const shown = (bad ? responses.filter(({ outcome }) => outcome !== 'ok') : responses).slice(-200).reverse()
  return (
    <section class='card' aria-labelledby='recent-title'>
      <header>
        <h2 id='recent-title'>Recent</h2>
        <label><input type='checkbox' checked={bad} onChange={({ currentTarget }) => setBad(currentTarget.checked)} /> Failures only</label>
      </header>
      {shown.length === 0
        ? <p class='muted'>Nothing yet.</p>
        : (
          <div class='scroll tall' tabIndex={0} role='region' aria-label='Recent requests'>
            <table>
              <thead><tr><th scope='col'>Ended</th><th scope='col'>Model</th><th scope='col'>Route</th><th scope='col' class='number'>Waited</th><th scope='col' class='number'>First byte</th><th scope='col' class='number'>In all</th><th scope='col' class='number'>Sent</th><th scope='col'>Outcome</th></tr></thead>
              <tbody>
                {shown.map(one => (
                  <tr key={`${one.request}${one.time}`}>
                    <td class='time'>{clockTime(one.time)}</td>
                    <td class='name'>{one.model ?? 'no model here'}</td>
                    <td>{one.route}</td>
                    <td class='number'>{one.queued < 1 ? '–' : duration(one.queued)}</td>
                    <td class='number'>{one.firstByte === undefined ? '–' : duration(one.firstByte)}</td>
                    <td class='number'>{duration(one.duration)}</td>
                    <td class='number'>{bytes(one.sent)}</td>
                    <td title={one.reason}><span class={`tag ${one.outcome === 'ok' ? 'good' : one.outcome === 'left' ? '' : 'bad'}`}>{outcomes[one.outcome]}{one.status !== undefined && one.status !== 200 ? ` ${one.status}` : ''}</span>{one.code !== undefined && <small class='code'>{one.code.replace('LLMUX_ERR_', '')}</small>}{one.replays > 0 && <small class='code'>{plural(one.replays, 'replay')}</small>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          )}
    </section>
  )
}
