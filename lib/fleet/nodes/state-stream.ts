import type { Dispatcher } from 'undici'
import type { NodeState } from '../../host/node-state.ts'

export interface StateStreamOptions {
  dispatcher: Dispatcher
  origin: string
  path: string
  key: string
  /** The last event that came, of an earlier connection. */
  lastId: string | undefined
  signal: AbortSignal
  onState: (state: NodeState, id: string) => void
  /** Something has come, be it only a sign of life. */
  onLife: () => void
}

/** More than this without an event's end is no stream of states. Characters. */
const longest = 8 * 1024 ** 2

/** Reads a node's states until the connection ends. Rejects with what happened to it. */
export async function readStates ({ dispatcher, origin, path, key, lastId, signal, onState, onLife }: StateStreamOptions): Promise<void> {
  const { statusCode, body } = await dispatcher.request({
    origin, path, method: 'GET', signal, headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
  })
  if (statusCode !== 200) {
    await body.dump()
    throw new Error(`${path} answered ${statusCode}`)
  }
  let text = ''
  // undici's `setEncoding` does not join a character whose bytes come in two chunks.
  const decoder = new TextDecoder()
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > longest) throw new Error(`${path} is no stream of states`)
    const events = text.split('\n\n')
    text = events.pop()!
    onLife()
    // Each is all of it: only the last one counts.
    const last = events.findLast(event => event.includes('event: state\n'))
    if (last === undefined) continue
    const field = (name: string) => last.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
    onState(JSON.parse(field('data')), field('id'))
  }
  throw new Error('it has ended its event stream')
}

/** The names of a node's models, and the model that each stands for. */
export async function readNames (dispatcher: Dispatcher, { origin, path, key, signal }: { origin: string, path: string, key: string | undefined, signal: AbortSignal }): Promise<Map<string, string>> {
  const { statusCode, body } = await dispatcher.request({ origin, path, method: 'GET', signal, ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }) })
  if (statusCode !== 200) {
    await body.dump()
    throw new Error(`${path} answered ${statusCode}`)
  }
  const { data } = await body.json() as { data: Array<{ id: string, parent?: string | null }> }
  return new Map(data.map(({ id, parent }) => [id, parent ?? id]))
}
