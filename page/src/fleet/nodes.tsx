import { modelPath } from '../api.ts'
import { duration, hostOf, plural, ticking } from '../format.ts'
import { answer, ask } from '../question.ts'
import type { Question } from '../question.ts'
import { lookSoon } from './live.ts'
import type { NodeModelView, NodeStatus } from './types.ts'

/** The colours of a model's states. */
const colours: Record<NodeStatus['condition'], string> = { up: 'awake', draining: 'draining', unknown: 'starting', out: 'failed', gone: 'stopped' }

export function Nodes ({ nodes }: { nodes: NodeStatus[] }) {
  return (
    <section class='card' aria-labelledby='nodes-title'>
      <header><h2 id='nodes-title'>Nodes</h2><span class='count'>{nodes.length}</span></header>
      <div class='scroll tall'>
        <table class='nodes'>
          <thead><tr><th>node</th><th>condition</th><th>awake</th><th class='number'>in flight</th><th class='number'>of this edge</th><th class='number'>waiting</th><th class='number'>longest wait</th><td /></tr></thead>
          <tbody>{nodes.map(node => <Row key={node.name} node={node} />)}</tbody>
        </table>
      </div>
    </section>
  )
}

function Row ({ node }: { node: NodeStatus }) {
  const { name, condition, since, reason, inFlight, models } = node
  const awake = models.filter(({ awake, waking }) => awake || waking)
  const total = (of: (model: NodeModelView) => number) => models.reduce((sum, model) => sum + of(model), 0)
  const waits = models.filter(({ waiting }) => waiting > 0).map(({ wait }) => wait)
  return (
    <>
      <tr class='node'>
        <td class='name'>{hostOf(name)}</td>
        <td><span class={`chip ${colours[condition]}`}><i />{condition}</span> <small class='muted'>{ticking(Date.now() - since)}{condition === 'up' ? '' : `: ${reason}`}</small></td>
        <td>{awake.map(({ id, waking }) => <span key={id} class='tag'>{id}{waking ? ' (waking)' : ''}</span>)}</td>
        <td class='number'>{total(({ inFlight }) => inFlight)}</td>
        <td class='number'>{inFlight}</td>
        <td class='number'>{total(({ waiting }) => waiting)}</td>
        <td class='number'>{waits.length === 0 ? '–' : duration(Math.max(...waits))}</td>
        <td class='end'>
          {condition === 'draining'
            ? <button type='button' aria-label={`Let ${hostOf(name)} take requests again`} onClick={() => act(node, 'undrain')}>Undrain</button>
            : <button type='button' aria-label={`Drain ${hostOf(name)}`} onClick={() => act(node, 'drain')}>Drain</button>}
        </td>
      </tr>
      <tr class='of-node'><td colSpan={8}><details><summary>{plural(models.length, 'model')}</summary><ModelsOf node={node} /></details></td></tr>
    </>
  )
}

function ModelsOf ({ node }: { node: NodeStatus }) {
  return (
    <table>
      <thead><tr><th>model</th><th>state</th><th class='number'>in flight</th><th class='number'>waiting</th><th class='number'>wait</th><td /></tr></thead>
      <tbody>
        {node.models.map(({ id, awake, waking, inFlight, waiting, wait, full, obstacle }) => (
          <tr key={id}>
            <td class='name'>{id}</td>
            <td>{awake ? 'awake' : waking ? 'waking' : 'not awake'}{full && <span class='tag bad'>full</span>}{obstacle !== undefined && <small class='error'> {obstacle}</small>}</td>
            <td class='number'>{inFlight}</td>
            <td class='number'>{waiting}</td>
            <td class='number'>{duration(wait)}</td>
            <td class='end'>
              {awake
                ? <button type='button' aria-label={`Put ${id} on ${hostOf(node.name)} to sleep`} onClick={() => act(node, 'sleep', id)}>Sleep</button>
                : <button type='button' aria-label={`Switch ${hostOf(node.name)} to ${id}`} onClick={() => act(node, 'switch', id)}>Switch</button>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

type Deed = 'drain' | 'undrain' | 'switch' | 'sleep'

function act (node: NodeStatus, deed: Deed, model = ''): void {
  const wanted = { ...questionOf(node, deed, model), done: lookSoon }
  if (deed === 'undrain') answer(wanted, wanted.answers[0]!)
  else ask(wanted)
}

function questionOf ({ name, models }: NodeStatus, deed: Deed, model: string): Question {
  const host = hostOf(name)
  const path = `nodes/${host}/${model === '' ? deed : modelPath(model, deed)}`
  const flying = models.reduce((sum, { inFlight }) => sum + inFlight, 0)
  switch (deed) {
    case 'drain': return { title: `Drain ${host}?`, text: ['It takes no new requests: they go to other nodes.', `${plural(flying, 'request')} in flight, and the requests that wait there, are served. Then its models go to sleep.`], answers: [{ label: 'Drain', danger: true, path }] }
    case 'undrain': return { title: `Undrain ${host}`, text: [], answers: [{ label: 'Undrain', path }] }
    case 'switch': return { title: `Switch ${host} to ${model}?`, text: ['Models that are in its way on that node make room: their requests are frozen where possible, or finished first.', 'Afterwards the policy of that node decides again.'], answers: [{ label: 'Switch', path }] }
    case 'sleep': return { title: `Put ${model} on ${host} to sleep?`, text: ['Its requests in flight end first, or are frozen. The next request for it may wake it there, or on another node.'], answers: [{ label: 'Put to sleep', path }] }
  }
}
