import { Agent } from 'undici'
import type { Clock, Timer } from '../../clock.ts'
import type { NodeState } from '../../host/node-state.ts'
import type { Endpoint } from '../../orchestrator/driver.ts'
import type { NodeModelView, NodeView } from '../choice/types.ts'
import type { FleetEvents, NodeCondition } from '../events.ts'
import type { ResolvedFleetOptions } from '../options.ts'
import { NodeCalls } from './calls.ts'
import { NodeLease } from './node-lease.ts'
import { readNames, readStates } from './state-stream.ts'

export interface NodeContext {
  options: ResolvedFleetOptions
  clock: Clock
  events: FleetEvents
  /** A node has reported its state. */
  reported: (node: Node) => void
}

/** Connections that fail in a row before a node is out. */
const mostFailures = 3

/** When a node dies, all of its connections break within this time, in any order. Milliseconds. */
const together = 100

/** From one try to hear of a node to the next, the first and the longest. Milliseconds. */
const pause = { first: 100, longest: 2_000 }

/** How long before the end of its time a node that says nothing is looked at once more. Milliseconds. */
const secondLook = 250

/** One gateway with GPUs: what is known of it, as long as it is fresh, and what it has of ours. */
export class Node implements NodeView {
  /** Its origin. */
  readonly name: string
  readonly endpoint: Endpoint
  readonly calls: NodeCalls
  readonly leases = new Set<NodeLease>()
  models: NodeModelView[] = []
  /** All names of its models, and the model that each stands for; also while it is out. */
  names: ReadonlyMap<string, string> = new Map()
  condition: NodeCondition = 'unknown'
  /** Since when, in milliseconds since the epoch. */
  since: number
  reason = 'it has not been heard of yet'
  readonly #context: NodeContext
  readonly #dispatcher: Agent
  /** Sent requests that the node cannot have reported yet: when, and for which model. */
  #recent: Array<{ time: number, model: string }> = []
  #connection = new AbortController()
  #lastId: string | undefined
  #silence: Timer
  #retry: Timer
  #cutting: Timer
  #failures = 0
  #pause = pause.first
  #closed = false

  constructor (origin: string, context: NodeContext) {
    const { options: { tls, key, connect, nodes }, clock } = context
    this.name = origin
    this.#context = context
    this.since = clock.now()
    const servername = 'dns' in nodes ? { servername: nodes.dns } : {}
    this.#dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: connect, ...servername, ...tls } as object })
    this.endpoint = { origin, dispatcher: this.#dispatcher, apiKey: key }
    this.calls = new NodeCalls(this.endpoint, context.options, clock)
    this.#follow()
  }

  /** Whether requests may be sent to it. */
  get up (): boolean {
    return this.condition === 'up'
  }

  /** One more request for a model is sent to it, with a name to take it back by. */
  lease (model: string, name: string): NodeLease {
    const { clock } = this.#context
    const lease = new NodeLease({ model, name }, clock, ended => this.leases.delete(ended))
    this.leases.add(lease)
    this.#recent.push({ time: clock.now(), model })
    const view = this.models.find(({ id }) => id === model)
    if (view !== undefined) view.sent++
    return lease
  }

  /** A request has got an answer. */
  answered (): void {
    this.#failures = 0
  }

  /** A connection to the node failed or broke. Resolves with whether the node is still up after all connections that broke with it have been seen. */
  async outlives (reason: string): Promise<boolean> {
    if (++this.#failures >= mostFailures) this.#out(`${this.#failures} connections failed, the last one: ${reason}`)
    if (this.up) await new Promise<void>(resolve => this.#context.clock.setTimeout(resolve, together))
    return this.up
  }

  close (): void {
    this.#closed = true
    this.#change('gone', 'it is no longer one of the nodes')
    for (const timer of [this.#silence, this.#retry, this.#cutting]) this.#context.clock.clearTimeout(timer)
    this.#connection.abort()
    // Requests in flight run to their end.
    this.#dispatcher.close().catch(() => {})
  }

  async destroy (): Promise<void> {
    this.close()
    await this.#dispatcher.destroy()
  }

  /** Listens to its states, again and again. To come back it must answer for its models first. */
  #follow (): void {
    const { adminPrefix, adminKey, nodePrefix, key } = this.#context.options
    const connection = this.#connection = new AbortController()
    const { signal } = connection
    const common = { origin: this.name, signal }
    const dispatcher = this.#dispatcher
    this.#listen()
    readNames(dispatcher, { ...common, path: `${nodePrefix}/v1/models`, key }).then(async names => {
      this.names = names
      await readStates({
        ...common, dispatcher, path: `${adminPrefix}/state`, key: adminKey, lastId: this.#lastId, onState: (state, id) => this.#heard(state, id, signal), onLife: () => this.#listen()
      })
    }).catch(error => {
      if (this.#connection === connection) this.#lost(error.message || error.code || String(error))
    })
  }

  #heard (state: NodeState, id: string, signal: AbortSignal): void {
    const { clock } = this.#context
    if (signal.aborted) return
    const now = clock.now()
    // What was sent a moment ago is not in it yet.
    this.#recent = this.#recent.filter(({ time }) => time > now - 50)
    this.models = state.models.map(model => ({ ...model, sent: this.#recent.filter(sent => sent.model === model.id).length }))
    if (state.models.some(({ id }) => !this.names.has(id))) this.#connection.abort()
    this.#lastId = id
    if (!this.up) this.#failures = 0
    this.#pause = pause.first
    clock.clearTimeout(this.#cutting)
    this.#change(state.draining ? 'draining' : 'up', state.draining ? 'it drains' : 'it tells of its state')
    if (this.up) this.#context.reported(this)
  }

  /** From now on it may be silent for so long. */
  #listen (): void {
    const { clock, options: { stale } } = this.#context
    const last = Math.min(secondLook, stale / 4)
    clock.clearTimeout(this.#silence)
    this.#silence = clock.setTimeout(() => {
      // If it was us who were held up, what it has said meanwhile is there, and is read first.
      this.#silence = clock.setTimeout(() => this.#out(`it has been silent for ${stale} ms`), last)
    }, stale - last)
  }

  /** Not to be trusted until it is heard of again; what it has may well come to a good end. */
  #lost (reason: string): void {
    if (this.#closed) return
    const { clock } = this.#context
    this.#change('out', reason)
    clock.clearTimeout(this.#retry)
    this.#retry = clock.setTimeout(() => this.#follow(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, pause.longest)
  }

  /** The node hangs or cannot be reached. Requests without a byte go to other nodes; requests with bytes get some more time. */
  #out (reason: string): void {
    const { clock, options: { cut } } = this.#context
    if (this.#closed) return
    this.#connection.abort()
    this.#connection = new AbortController()
    this.#lost(reason)
    this.calls.end(reason)
    const since = clock.now()
    for (const lease of [...this.leases]) if (lease.heardAt === undefined) lease.interrupt(new Error(reason))
    clock.clearTimeout(this.#cutting)
    this.#cutting = clock.setTimeout(() => {
      for (const lease of [...this.leases]) if ((lease.heardAt ?? 0) < since) lease.interrupt(new Error(reason))
    }, cut)
  }

  #change (to: NodeCondition, reason: string): void {
    const { clock, events } = this.#context
    this.reason = reason
    if (this.condition === to) return
    const from = this.condition
    this.condition = to
    this.since = clock.now()
    events.emit('node', { time: this.since, node: this.name, from, to, reason })
  }
}
