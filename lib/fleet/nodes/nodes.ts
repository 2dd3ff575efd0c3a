import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import type { Timer } from '../../clock.ts'
import { unknownModel } from '../../directory.ts'
import { isOrigin } from '../options.ts'
import type { NodeSource } from '../options.ts'
import { Node } from './node.ts'
import type { NodeContext } from './node.ts'

/** The nodes that there are; looked up again and again. */
export class Nodes {
  readonly #context: NodeContext
  readonly #warn: (error: Error) => void
  readonly #nodes = new Map<string, Node>()
  #names: ReadonlyMap<string, string> = new Map()
  /** What `#names` was made of. */
  #namesOfNodes: Array<ReadonlyMap<string, string>> = []
  #timer: Timer
  #closed = false

  constructor (context: NodeContext, warn: (error: Error) => void) {
    this.#context = context
    this.#warn = warn
  }

  get all (): Node[] {
    return [...this.#nodes.values()]
  }

  get up (): Node[] {
    return this.all.filter(node => node.up)
  }

  find (name: string): Node | undefined {
    return this.#nodes.get(name)
  }

  /** Every name of a model on any node, and the model that it stands for. */
  get names (): ReadonlyMap<string, string> {
    // Read for every request, and changed when a node tells its names again.
    let index = 0
    let same = this.#namesOfNodes.length === this.#nodes.size
    for (const { names } of this.#nodes.values()) same &&= this.#namesOfNodes[index++] === names
    if (same) return this.#names
    this.#namesOfNodes = this.all.map(({ names }) => names)
    this.#names = new Map(this.#namesOfNodes.flatMap(names => [...names]))
    return this.#names
  }

  id (name: string): string {
    const id = this.names.get(name)
    if (id === undefined) throw unknownModel(name)
    return id
  }

  async look (): Promise<void> {
    const { options, clock } = this.#context
    try {
      this.#set(await originsOf(options.nodes))
    } catch (error) {
      // The known nodes may well still be there.
      this.#warn(error as Error)
    }
    if (!this.#closed && !Array.isArray(options.nodes)) this.#timer = clock.setTimeout(() => { this.look().catch(this.#warn) }, options.lookup)
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#context.clock.clearTimeout(this.#timer)
    await Promise.all(this.all.map(async node => await node.destroy()))
  }

  #set (origins: readonly string[]): void {
    if (this.#closed) return
    for (const [origin, node] of this.#nodes) {
      if (origins.includes(origin)) continue
      node.close()
      this.#nodes.delete(origin)
    }
    for (const origin of origins) if (!this.#nodes.has(origin)) this.#nodes.set(origin, new Node(origin, this.#context))
  }
}

/** The origins of all nodes that there are now. Rejects if that cannot be said. */
export async function originsOf (source: NodeSource): Promise<string[]> {
  if ('dns' in source) {
    const { dns, port = 3_000, protocol = 'http' } = source
    const addresses = await lookup(dns, { all: true })
    return addresses.map(({ address }) => `${protocol}://${isIPv6(address) ? `[${address}]` : address}:${port}`)
  }
  const origins = typeof source === 'function' ? await source() : source
  const wrong = origins.find(origin => !isOrigin(origin))
  if (wrong !== undefined) throw new Error(`${wrong} is no origin (http://host:port)`)
  return origins.map(origin => new URL(origin).origin)
}
