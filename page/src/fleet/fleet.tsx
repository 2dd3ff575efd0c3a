import { leave, signsIn } from '../api.ts'
import { Confirmation } from '../confirm.tsx'
import { Live, Lost, Mark } from '../connection.tsx'
import { duration, hostOf, plural } from '../format.ts'
import { Notes } from '../notes.tsx'
import { Outside } from '../sign-in.tsx'
import { useStore } from '../store.ts'
import { Incidents } from './incidents.tsx'
import { follow, nodesSeen } from './live.ts'
import { Nodes } from './nodes.tsx'
import type { NodeModelView, NodeStatus } from './types.ts'

/** The page of an edge: a row for each node, and one for each model. */
export function Fleet () {
  const { view } = useStore()
  const nodes = nodesSeen()
  if (nodes === undefined || view === 'sign-in' || view === 'refused') return <Outside view={view} onEnter={follow} />
  return (
    <>
      <a class='skip' href='#content'>Skip to the content</a>
      <header class='top'>
        <a class='brand' href='#/'><Mark />llmux fleet</a>
        <div class='right'>
          <Live />
          {signsIn && <button type='button' class='quiet' onClick={() => { leave().then(() => location.reload()) }}>Sign out</button>}
        </div>
      </header>
      <Lost />
      <main id='content' tabIndex={-1}>
        <div class='stack'>
          <Now nodes={nodes} />
          <Nodes nodes={nodes} />
          <div class='columns'><Models nodes={nodes} /><Incidents /></div>
        </div>
      </main>
      <Confirmation />
      <Notes />
    </>
  )
}

const sum = (models: readonly NodeModelView[], of: (model: NodeModelView) => number) => models.reduce((sum, model) => sum + of(model), 0)
const upOnly = (nodes: readonly NodeStatus[]) => nodes.filter(({ condition }) => condition === 'up')

function Now ({ nodes }: { nodes: NodeStatus[] }) {
  const up = upOnly(nodes)
  const known = nodes.filter(({ condition }) => condition === 'up' || condition === 'draining').flatMap(({ models }) => models)
  const others = nodes.filter(({ condition }) => condition !== 'up').map(({ name, condition }) => `${hostOf(name)} is ${condition}`)
  return (
    <section class='hero' aria-label='Now'>
      <div class='says'>
        <h1>{up.length === nodes.length ? `${plural(nodes.length, 'node')} up` : `${up.length} of ${plural(nodes.length, 'node')} up`}</h1>
        <p>{others.join(', ') || 'Each takes requests.'}</p>
      </div>
      <dl class='figures'>
        <div><dt>in flight, of all edges</dt><dd>{sum(known, ({ inFlight }) => inFlight)}</dd></div>
        <div><dt>waiting</dt><dd>{sum(known, ({ waiting }) => waiting)}</dd></div>
        <div><dt>models awake</dt><dd>{known.filter(({ awake }) => awake).length}</dd></div>
      </dl>
    </section>
  )
}

/** Each model, on all nodes together. */
function Models ({ nodes }: { nodes: NodeStatus[] }) {
  const up = upOnly(nodes)
  const ids = [...new Set(up.flatMap(({ models }) => models.map(({ id }) => id)))].sort()
  return (
    <section class='card' aria-labelledby='models-title'>
      <header><h2 id='models-title'>Models</h2></header>
      <div class='scroll'>
        <table>
          <thead><tr><th>model</th><th>awake on</th><th class='number'>in flight</th><th class='number'>waiting</th><th class='number'>least wait</th></tr></thead>
          <tbody>{ids.map(id => <ModelRow key={id} id={id} nodes={up} />)}</tbody>
        </table>
      </div>
    </section>
  )
}

function ModelRow ({ id, nodes }: { id: string, nodes: readonly NodeStatus[] }) {
  const places = nodes.flatMap(({ name, models }) => models.filter(model => model.id === id).map(model => ({ name, model })))
  const models = places.map(({ model }) => model)
  const open = models.filter(({ obstacle, full }) => obstacle === undefined && !full)
  const awake = places.filter(({ model }) => model.awake).map(({ name }) => hostOf(name))
  return (
    <tr>
      <td class='name'>{id}</td>
      <td>{awake.join(', ') || <span class='muted'>no node</span>}</td>
      <td class='number'>{sum(models, ({ inFlight }) => inFlight)}</td>
      <td class='number'>{sum(models, ({ waiting }) => waiting)}</td>
      <td class='number'>{open.length === 0 ? <span class='error'>none takes it</span> : duration(Math.min(...open.map(({ wait }) => wait)))}</td>
    </tr>
  )
}
