import { ApiError, get, open } from '../api.ts'
import { readEvents } from '../event-stream.ts'
import { changed, state } from '../store.ts'
import type { Incident, NodeStatus } from './types.ts'

/** From one look to the next. Milliseconds. */
const interval = 1_000

/** So many incidents are kept. */
const most = 100

/** The nodes, as they were seen last; undefined before. */
let nodes: NodeStatus[] | undefined
export const nodesSeen = () => nodes

/** Changes of nodes, retries, and requests that failed: the latest first. */
const incidents: Incident[] = []
export const latestIncidents = () => incidents

let lookNow = () => {}

/** Looks at once: something has been asked for. */
export const lookSoon = () => lookNow()

/** Begins, and goes on for as long as the page is open. */
export async function follow (): Promise<void> {
  const ended = new AbortController()
  followEvents(ended.signal)
  for (;;) {
    try {
      nodes = (await get<{ nodes: NodeStatus[] }>('nodes')).nodes
      state.view = 'ready'
      state.connection = { live: true }
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        ended.abort()
        state.view = error.status === 401 ? 'sign-in' : 'refused'
        return changed()
      }
      state.connection = { live: false, lostAt: state.connection.lostAt ?? Date.now(), reason: (error as Error).message }
    }
    changed()
    await pause()
  }
}

/** Until somebody looks at the page again, or an action has been asked for. */
async function pause (): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setInterval(() => { if (!document.hidden) go() }, interval)
    const go = () => {
      clearInterval(timer)
      resolve()
    }
    lookNow = go
  })
}

async function followEvents (signal: AbortSignal): Promise<void> {
  let lastId = ''
  while (!signal.aborted) {
    try {
      const response = await open('events', { signal, headers: lastId === '' ? {} : { 'last-event-id': lastId } })
      await readEvents(response, ({ id, event, data }) => {
        if (id !== '') lastId = id
        add({ kind: event, event: JSON.parse(data) } as Parameters<typeof add>[0])
      })
    } catch {
      // That there is no connection is told by the look at the nodes.
    }
    await new Promise(resolve => setTimeout(resolve, 2 * interval))
  }
}

/** Events that are missing (`gap`) and requests that ended well are no incidents. */
function add (incident: Incident | { kind: 'gap' }): void {
  if (incident.kind === 'gap') return
  if (incident.kind === 'response' && !['cut', 'server_error', 'overloaded'].includes(incident.event.outcome)) return
  incidents.unshift(incident)
  incidents.length = Math.min(incidents.length, most)
  changed()
}
