import { clockTime, hostOf } from '../format.ts'
import { latestIncidents } from './live.ts'
import type { Incident } from './types.ts'

/** What did not go as usual, since this page was opened. */
export function Incidents () {
  const incidents = latestIncidents()
  return (
    <section class='card' aria-labelledby='incidents-title'>
      <header><h2 id='incidents-title'>Changes of nodes, retries, failures</h2></header>
      {incidents.length === 0
        ? <p class='muted'>None since this page was opened.</p>
        : <div class='scroll'><table><tbody>{incidents.map((incident, index) => <tr key={`${incident.event.time}-${index}`}><td class='time'>{clockTime(incident.event.time)}</td><td>{sentence(incident)}</td></tr>)}</tbody></table></div>}
    </section>
  )
}

function sentence (incident: Incident): string {
  if (incident.kind === 'node') return `${hostOf(incident.event.node)} is ${incident.event.to}, was ${incident.event.from}: ${incident.event.reason}`
  if (incident.kind === 'retry') return `A request for ${incident.event.model} went from ${hostOf(incident.event.from)} to ${hostOf(incident.event.to)}: ${incident.event.reason}`
  const { model, outcome, code, reason, node } = incident.event
  return `A request for ${model ?? 'no known model'}${node === undefined ? '' : ` on ${hostOf(node)}`} ended as ${outcome}: ${reason ?? code ?? 'no reason is known'}`
}
