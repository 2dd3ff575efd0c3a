import { checkDefaultModel, checkModels, originOf } from './checks.ts'
import { elsewhereStart, resolveUrl } from './elsewhere.ts'
import { resolveContainer } from './container.ts'
import { resolveAdapters, resolveCommand, resolveEngine } from './engine.ts'
import { defaultTimeouts, modelDefaults, topDefaults, given, resolvePolicy } from './defaults.ts'
import { placeAnywhere, placeModel } from './gpus.ts'
import type { Machine, Place } from './gpus.ts'
import { mapNames } from './names.ts'
import type { LlmuxOptions, ModelOptions, ResolvedModel, ResolvedOptions, Timeouts } from './types.ts'
import { validateOptions } from './validate.ts'

/** Freezes copies, so that neither the caller's objects are frozen nor their later changes are seen. */
function frozen<T> (value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map(frozen)) as T
  if (typeof value !== 'object' || value === null) return value
  // An adapter may be an instance of a class, and must not be copied.
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === 'engine' ? item : frozen(item)]))) as T
}

type Inherited = Pick<ResolvedModel, 'command' | 'freeze'> & { timeouts: Required<Timeouts>, machine: Machine | undefined }

/** A server that runs elsewhere takes no GPU of this machine. */
const nowhere: Place = { gpus: [], devices: undefined }

function resolveModel (name: string, model: ModelOptions, { command, freeze, timeouts: { body, grace, ...inherited }, machine }: Inherited): ResolvedModel {
  const defaults = modelDefaults(name)
  const { engine: kind, command: own, gpus: named, args, sleepLevel } = { ...defaults, command: undefined, sleepLevel: undefined, ...given(model) }
  const engine = resolveEngine(name, kind)
  const url = resolveUrl(name, model)
  const placed = { id: name, args: [], env: {}, ...given(model), engine }
  const place = Array.isArray(named) ? undefined : placeAnywhere(placed, named.any, machine)
  const { gpus, devices } = url !== undefined ? nowhere : place ?? placeModel(placed, named as Array<number | string>, machine)
  return {
    ...defaults,
    freeze: engine.freeze?.allowedBy?.(args) === false ? false : freeze,
    ...given(model),
    engine,
    ...resolveAdapters(name, model, engine),
    sleepLevel: typeof sleepLevel === 'number' ? sleepLevel : engine.levels[0]!,
    sleepAuto: sleepLevel === 'auto',
    command: url !== undefined ? [] : own ?? resolveCommand(name, kind, command),
    url,
    container: resolveContainer({ id: name, path: defaults.path, port: undefined, ...given(model) }, model.container),
    gpus,
    gpuNames: devices === undefined ? [] : gpuNames(gpus, machine),
    gpuEnv: gpuEnv(devices, machine),
    ...(place && { place }),
    timeouts: { ...inherited, ...(url !== undefined && { start: elsewhereStart }), ...given({ timeouts: {}, ...model }.timeouts) },
    // The key is unique, the same in every run, and what people see in logs.
    id: name
  }
}

/** A frozen copy. What says where a model lives that may live on any GPU is asked of its place each time, and no two models differ by it. */
function followPlace (model: ResolvedModel, machine: Machine | undefined): ResolvedModel {
  const { place } = model
  if (place === undefined) return frozen(model)
  const rest = Object.fromEntries(Object.entries(model).filter(([key]) => !['gpus', 'gpuNames', 'gpuEnv', 'place'].includes(key)))
  return Object.freeze(Object.defineProperties({ ...frozen(rest) }, {
    place: { value: place, enumerable: true },
    gpus: { get: () => place.gpus },
    gpuNames: { get: () => gpuNames(place.gpus, machine) },
    gpuEnv: { get: () => gpuEnv(place.devices, machine) }
  })) as ResolvedModel
}

/** Nothing where nobody tells what GPUs there are: the engines may live on the CPU. */
function gpuNames (gpus: number[], machine: Machine | undefined): string[] {
  if (machine?.variable === 'HIP_VISIBLE_DEVICES') return gpus.map(index => `amd-${index}`)
  return gpus.flatMap(index => machine?.gpus?.find(gpu => gpu.index === index)?.uuid ?? [])
}

/** `nvidia-smi` orders by bus, CUDA by speed unless this variable says otherwise. */
function gpuEnv (devices: string[] | undefined, machine: Machine | undefined): Record<string, string> {
  if (machine === undefined || devices === undefined) return {}
  return { ...(machine.variable === 'CUDA_VISIBLE_DEVICES' && { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }), [machine.variable]: devices.join(',') }
}

/**
 * Checks the options of the plugin and fills in every default. The result is a frozen copy.
 *
 * `machine`: whether GPUs exist can only be checked on a known machine.
 *
 * @throws {OptionsError} names the option's path as written in JavaScript, and what is allowed.
 */
export function resolveOptions (options: LlmuxOptions, machine?: Machine): ResolvedOptions {
  validateOptions(options)
  const { command, freeze, policy, ...top } = { ...topDefaults(), ...given(options) }
  const timeouts = { ...defaultTimeouts, ...given(top.timeouts) }
  const models = Object.entries(options.models).map(([name, model]) => followPlace(resolveModel(name, model, { command, freeze, timeouts, machine }), machine))
  const names = mapNames(models)
  checkModels(models)
  checkDefaultModel(top.defaultModel, names)
  const resolved: Omit<ResolvedOptions, 'names'> = {
    ...top,
    models,
    timeouts,
    policy: resolvePolicy(policy),
    // Node gives header names in lower case.
    modelHeader: top.modelHeader && top.modelHeader.toLowerCase(),
    fallbackUpstream: originOf('fallbackUpstream', top.fallbackUpstream)
  }
  // Models are frozen one by one: models that may live on any GPU are not copied once they follow it.
  return Object.freeze({ ...frozen({ ...resolved, models: [] }), models: Object.freeze(models) as ResolvedModel[], names })
}
