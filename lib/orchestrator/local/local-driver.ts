import type { Clock } from '../../clock.ts'
import { NotStartableError, SpawnError } from '../../errors.ts'
import type { ResolvedModel } from '../../options/types.ts'
import type { Address } from '../../engines/index.ts'
import type { Driver, Endpoint, EngineProcess, ProcessExit, SleepMode } from '../driver.ts'
import { keep } from '../orphans/keeper.ts'
import type { Ledger } from '../orphans/ledger.ts'
import type { Outside } from '../orphans/outside.ts'
import type { Connection } from './connection.ts'
import { programOf, spawnOf } from './launch.ts'
import type { spawnLeader } from './leader.ts'
import { LocalProcess } from './local-process.ts'
import type { OutputStream } from './output.ts'
import { OutsideProcess } from './outside-process.ts'
import { lasting, obstacle } from './prepare.ts'
import type { Obstacle } from './prepare.ts'
import { SocketDirectory } from './socket-directory.ts'

export interface LocalDriverOptions {
  clock: Clock
  /** Called with each line that an engine writes, without colours. */
  onLine?: (model: string, stream: OutputStream, line: string) => void
  sockets?: SocketDirectory
  /** Where what would outlive us is written down. */
  ledger?: Ledger
  spawnLeader?: typeof spawnLeader
  /** Default: ours, loaded with the first engine. */
  Connection?: typeof Connection
}

/** @throws {NotStartableError} */
async function refuse ({ id }: ResolvedModel, look: () => Promise<Obstacle | undefined>): Promise<void> {
  const problem = await look().catch((error: Error): Obstacle => ({ text: error.message, cause: 'other' }))
  if (problem !== undefined) throw Object.assign(new NotStartableError(id, problem.text), { startCause: problem.cause })
}

/** Runs engines as process groups on this machine, and reaches them over loopback or a unix socket that nobody else can open. */
export class LocalDriver implements Driver {
  readonly #clock: Clock
  readonly #onLine: NonNullable<LocalDriverOptions['onLine']>
  readonly #sockets: SocketDirectory
  readonly #ledger: Ledger | undefined
  readonly #spawnLeader: typeof spawnLeader
  readonly #connections = new Map<string, Connection>()
  #Connection: typeof Connection | undefined

  constructor (options: LocalDriverOptions) {
    const { clock, onLine = () => {}, ledger, sockets = new SocketDirectory(undefined, path => ledger?.keepDirectory(path)) } = options
    this.#clock = clock
    this.#spawnLeader = options.spawnLeader ?? loadAndSpawn
    this.#Connection = options.Connection
    this.#onLine = onLine
    this.#sockets = sockets
    this.#ledger = ledger
  }

  async check (model: ResolvedModel): Promise<void> {
    if (model.url !== undefined) return
    await refuse(model, async () => await lasting(this.#plan(model)) ?? this.#socketObstacle(model))
  }

  async prepare (model: ResolvedModel): Promise<void> {
    if (model.url !== undefined) return
    await refuse(model, async () => await obstacle({ ...this.#plan(model), address: this.#address(model) }))
  }

  async spawn (model: ResolvedModel, onExit: (exit: ProcessExit) => void, onText: (text: string) => void = () => {}, memoryShare?: number): Promise<EngineProcess> {
    // A gateway listens before it has loaded undici. Nobody connects to what was not spawned.
    this.#Connection ??= (await import('./connection.ts')).Connection
    if (model.url !== undefined) return elsewhere
    try {
      const address = this.#address(model)
      if ('socket' in address) this.#sockets.clear(address.socket)
      const { argv, env, outside } = spawnOf(model, address, memoryShare)
      const leader = await this.#spawnLeader(argv, env)
      leader.onExit(onExit)
      this.#ledger?.add(leader.pid)
      const untrack = () => {
        leader.untrack()
        this.#ledger?.remove(leader.pid)
      }
      const onLine = (stream: OutputStream, line: string) => {
        this.#onLine(model.id, stream, line)
        onText(line)
      }
      const group = new LocalProcess({ ...leader, untrack }, { clock: this.#clock, onLine, onRewrite: onText })
      const beyond = outside(leader.pid)
      return beyond === undefined ? group : this.#withOutside(group, beyond, env)
    } catch (error) {
      // It is said in the same words as before a start.
      await this.prepare(model)
      throw new SpawnError(model.id, (error as Error).message, { cause: error })
    }
  }

  /** What outlives our process group, such as a container, is listed in the ledger separately. */
  #withOutside (group: LocalProcess, outside: Outside, env: Record<string, string>): EngineProcess {
    const letGo = keep(outside.end, env)
    this.#ledger?.addOutside(outside)
    const onGone = () => {
      letGo()
      this.#ledger?.removeOutside(outside)
    }
    return new OutsideProcess(group, { clock: this.#clock, outside, env, onGone })
  }

  endpoint (model: ResolvedModel): Endpoint {
    return this.#connection(model).endpoint
  }

  disconnect ({ id }: ResolvedModel, gently: boolean): void {
    const connection = this.#connections.get(id)
    this.#connections.delete(id)
    // Requests on it learn of its end there.
    connection?.close(gently).catch(() => {})
  }

  async probe (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#connection(model).control.health(signal)
  }

  async responds (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#connection(model).control.responds(signal)
  }

  async version (model: ResolvedModel, signal: AbortSignal): Promise<string | undefined> {
    return await this.#connection(model).control.version(signal)
  }

  async sleep (model: ResolvedModel, level: 1 | 2, mode: SleepMode, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.sleep(level, mode, signal)
  }

  async wake (model: ResolvedModel, tag: 'weights' | 'kv_cache' | undefined, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.wake(tag, signal)
  }

  async reload (model: ResolvedModel, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.reload(signal)
  }

  async resetPrefixCache (model: ResolvedModel, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.resetPrefixCache(signal)
  }

  async loadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.loadAdapter(name, model.adapterPaths[name]!, signal)
  }

  async unloadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void> {
    await this.#connection(model).control.unloadAdapter(name, signal)
  }

  async warmUp (model: ResolvedModel, signal: AbortSignal): Promise<boolean> {
    return await this.#connection(model).control.warmUp(signal)
  }

  async close (): Promise<void> {
    await Promise.all([...this.#connections.values()].map(connection => connection.close(false)))
    this.#connections.clear()
    this.#sockets.remove()
  }

  #plan (model: ResolvedModel): { file: string, searchPath: string, path: string } {
    return { ...programOf(model), path: model.path }
  }

  #socketObstacle ({ port }: ResolvedModel): Obstacle | undefined {
    const text = port === undefined ? this.#sockets.obstacle : undefined
    return text === undefined ? undefined : { text, cause: 'other' }
  }

  #address ({ id, port }: ResolvedModel): Address {
    return port === undefined ? { socket: this.#sockets.pathFor(id) } : { port }
  }

  #connection (model: ResolvedModel): Connection {
    const { id, env, url, engine: { keyVariable }, apiKey: given } = model
    let connection = this.#connections.get(id)
    if (connection === undefined) {
      // An empty key is none, for engines too.
      const apiKey = given ?? ((keyVariable === undefined ? undefined : env[keyVariable] ?? process.env[keyVariable]) || undefined)
      connection = new this.#Connection!({ model, address: url === undefined ? this.#address(model) : { url }, apiKey })
      this.#connections.set(id, connection)
    }
    return connection
  }
}

/** A server that is not ours to start, to signal or to end. */
const elsewhere: EngineProcess = {
  pid: undefined,
  lastLines: () => [],
  signal: () => {},
  gone: async () => true,
  flushed: async () => {}
}

/** A gateway listens before it has loaded what it starts processes with. */
const loadAndSpawn: typeof spawnLeader = async (argv, env) => await (await import('./leader.ts')).spawnLeader(argv, env)
