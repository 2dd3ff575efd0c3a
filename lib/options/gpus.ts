import { OptionsError } from '../errors.ts'
import { optionPath } from './path.ts'
import type { ResolvedModel } from './types.ts'

/** One GPU, as `nvidia-smi` counts them. */
export interface Gpu {
  index: number
  uuid: string
  name: string
  /** Bytes; undefined where GPU and host share one memory, and for a MIG device. */
  total: number | undefined
}

/** What is known of this machine's GPUs. */
export interface Machine {
  /** Undefined if there is no way to list them. MIG devices come last, with indices of their own. */
  gpus: readonly Gpu[] | undefined
  /** How engines learn which GPUs they may use. */
  variable: 'CUDA_VISIBLE_DEVICES' | 'HIP_VISIBLE_DEVICES'
  /** The GPUs in the gateway's own environment; undefined if it names none. */
  visible: readonly string[] | undefined
}

/** The place of a model. */
export interface Place {
  /** Its GPUs by the machine's index. */
  gpus: number[]
  /** The same as the environment variable names them; undefined: the engine gets no variable. */
  devices: string[] | undefined
}

/** Where a model lives that may live on any GPU: chosen at its start, and left as it is until its processes end. */
export class AnyPlace {
  /** How many GPUs it takes. */
  readonly count: number
  /** The machine's indices of the GPUs that it may take. */
  readonly candidates: readonly number[]
  readonly #devices: ReadonlyMap<number, string>
  #gpus: number[]

  constructor (count: number, found: readonly Found[]) {
    this.count = count
    this.candidates = found.map(({ index }) => index)
    this.#devices = new Map(found.map(({ index, device }) => [index, device]))
    this.#gpus = this.candidates.slice(0, count)
  }

  get gpus (): number[] {
    return this.#gpus
  }

  /** The same as the environment variable names them. */
  get devices (): string[] {
    return this.#gpus.map(gpu => this.#devices.get(gpu)!)
  }

  /** Only while it has no processes. */
  moveTo (gpus: number[]): void {
    this.#gpus = gpus
  }
}

/** The GPUs on which a model is, or may come to be. */
export const mayLiveOn = ({ place, gpus }: Pick<ResolvedModel, 'place' | 'gpus'>): readonly number[] => place?.candidates ?? gpus

/** @throws {OptionsError} if there are not so many, or where nobody tells what GPUs there are. */
export function placeAnywhere (model: Pick<ResolvedModel, 'id' | 'engine' | 'args' | 'env'>, count: number, machine: Machine | undefined): AnyPlace {
  const own = (option: string, ...more: string[]) => optionPath('models', model.id, option, ...more)
  const found = everyGpu(machine)
  if (machine !== undefined && found.length === 0) throw new OptionsError(own('gpus'), `must name its GPUs, by index: ${describe(machine.gpus)}`)
  if (machine !== undefined && count > found.length) throw new OptionsError(own('gpus', 'any'), `must be at most ${found.length}, not ${count}: ${describe(machine.gpus)}`)
  const named = ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES'].find(variable => variable in model.env)
  if (named !== undefined) throw new OptionsError(own('env', named), 'must be left out where gpus is { any }: the gateway sets it')
  checkParallelSize(model, count)
  return new AnyPlace(count, found.length > 0 ? found : Array.from({ length: count }, (_, index) => ({ index, device: String(index) })))
}

/** The GPUs that this process may use. */
function everyGpu (machine: Machine | undefined): Found[] {
  const { gpus, visible } = machine ?? {}
  if (visible !== undefined) return visible.flatMap((device, position) => ({ index: indexOf(device, gpus) ?? position, device }))
  return (gpus ?? []).filter(({ uuid }) => !isMig(uuid)).map(({ index }) => ({ index, device: String(index) }))
}

/** Names that nobody can look up get numbers from here on. */
const firstUnknown = 1_000

/** @throws {OptionsError} for a GPU that does not exist, or if `env` or `args` contradict `gpus`. */
export function placeModel (model: Pick<ResolvedModel, 'id' | 'engine' | 'args' | 'env'>, entries: ReadonlyArray<number | string>, machine: Machine | undefined): Place {
  const own = (option: string, ...more: string[]) => optionPath('models', model.id, option, ...more)
  const found = entries.map((entry, index) => machine === undefined ? withoutMachine(entry, index) : find(entry, machine, own('gpus')))
  const gpus = found.map(({ index }) => index)
  if (new Set(gpus).size < gpus.length) throw new OptionsError(own('gpus'), 'must name no GPU twice')
  checkParallelSize(model, gpus.length)
  // The gateway's environment hides all GPUs: engines use the CPU.
  const devices = machine === undefined || machine.visible?.length === 0 ? undefined : found.map(({ device }) => device)
  if (machine !== undefined && devices !== undefined) checkEnv(model, gpus, machine)
  return { gpus, devices }
}

interface Found {
  index: number
  device: string
}

function withoutMachine (entry: number | string, position: number): Found {
  return { index: typeof entry === 'number' ? entry : firstUnknown + position, device: String(entry) }
}

function find (entry: number | string, machine: Machine, option: string): Found {
  const { gpus, visible, variable } = machine
  if (visible !== undefined && visible.length > 0) {
    const position = typeof entry === 'number' ? entry : visible.findIndex(name => sameGpu(name, entry, gpus))
    const device = visible[position]
    if (device === undefined) throw new OptionsError(option, `must name GPUs that are there, not ${JSON.stringify(entry)}: ${variable} names ${visible.join(', ')}`)
    return { index: indexOf(device, gpus) ?? position, device }
  }
  if (typeof entry === 'number' && gpus === undefined) return { index: entry, device: String(entry) }
  const index = indexOf(String(entry), gpus)
  if (index === undefined) throw new OptionsError(option, `must name GPUs that are there, not ${JSON.stringify(entry)}: ${describe(gpus)}`)
  // MIG devices have no index that CUDA knows.
  return { index, device: isMig(entry) ? String(entry) : String(index) }
}

function isMig (entry: number | string): boolean {
  return typeof entry === 'string' && entry.startsWith('MIG-')
}

/** The machine's index for a name that CUDA accepts: an index, a UUID, or its beginning if that is unique. */
function indexOf (name: string, gpus: readonly Gpu[] | undefined): number | undefined {
  if (/^\d+$/.test(name)) {
    const index = Number(name)
    return gpus === undefined || gpus.some(gpu => gpu.index === index && !isMig(gpu.uuid)) ? index : undefined
  }
  const named = gpus?.filter(({ uuid }) => uuid.startsWith(name)) ?? []
  return named.length === 1 ? named[0]!.index : undefined
}

function sameGpu (a: string, b: string, gpus: readonly Gpu[] | undefined): boolean {
  const index = indexOf(a, gpus)
  return a === b || (index !== undefined && index === indexOf(b, gpus))
}

function describe (gpus: readonly Gpu[] | undefined): string {
  if (gpus === undefined) return 'a GPU can only be named where nvidia-smi tells the names'
  return gpus.length === 0 ? 'there is none' : `there are ${gpus.map(({ index, name, uuid }) => isMig(uuid) ? uuid : `${index} (${name}, ${uuid})`).join(', ')}`
}

/** The user's own setting wins, as long as it means the same GPUs: the switcher relies on `gpus`. */
function checkEnv ({ id, env }: Pick<ResolvedModel, 'id' | 'env'>, gpus: readonly number[], machine: Machine): void {
  for (const variable of ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES']) {
    const given = env[variable]
    if (given === undefined) continue
    const names = given.split(',').map(name => name.trim())
    const indices = names.map(name => indexOf(name, machine.gpus))
    const agrees = indices.includes(undefined) ? names.length === gpus.length && machine.gpus === undefined : sameMembers(indices, gpus)
    if (!agrees) throw new OptionsError(optionPath('models', id, 'env', variable), `must name the GPUs of the option gpus, which are ${gpus.join(', ')}, not ${JSON.stringify(given)}: set gpus instead`)
  }
}

function sameMembers (a: ReadonlyArray<number | undefined>, b: readonly number[]): boolean {
  return a.length === b.length && b.every(item => a.includes(item))
}

/** An engine uses as many GPUs as its parallel sizes say, even if it can see more. */
function checkParallelSize ({ id, engine, args }: Pick<ResolvedModel, 'id' | 'engine' | 'args'>, count: number): void {
  const size = engine.parallelSize?.(args)
  if (size === undefined || size === count) return
  throw new OptionsError(optionPath('models', id, 'gpus'), `must name ${size} ${size === 1 ? 'GPU' : 'GPUs'}, as many as the parallel sizes in args take, not ${count}`)
}
