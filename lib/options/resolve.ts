import { checkDefaultModel, checkModels, upstreamOrigin } from './checks.ts'
import { resolveCommand, resolveEngine } from './engine.ts'
import { defaultTimeouts, modelDefaults, topDefaults } from './defaults.ts'
import { given } from './given.ts'
import { placeModel } from './gpus.ts'
import type { Machine } from './gpus.ts'
import { mapNames } from './names.ts'
import { resolvePolicy } from './policy-defaults.ts'
import type { LlmuxOptions, ModelOptions, ResolvedModel, ResolvedOptions, Timeouts } from './types.ts'
import { validateOptions } from './validate.ts'

/** Copies as it freezes, so that neither the caller's objects are frozen nor their later changes seen. */
function frozen<T> (value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map(frozen)) as T
  if (typeof value !== 'object' || value === null) return value
  // An adapter may be of a class of its own: it is not ours to copy.
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === 'engine' ? item : frozen(item)]))) as T
}

type Inherited = Pick<ResolvedModel, 'command' | 'freeze'> & { timeouts: Required<Timeouts>, machine: Machine | undefined }

function resolveModel (name: string, model: ModelOptions, { command, freeze, timeouts: { body, grace, ...inherited }, machine }: Inherited): ResolvedModel {
  const defaults = modelDefaults(name)
  const { engine: kind, command: own, gpus: named, args } = { ...defaults, command: undefined, ...given(model) }
  const engine = resolveEngine(name, kind)
  const { gpus, devices } = placeModel({ id: name, args: [], env: {}, ...given(model), engine }, named, machine)
  return {
    ...defaults,
    sleepLevel: engine.levels[0]!,
    freeze: engine.freeze?.allowedBy?.(args) === false ? false : freeze,
    ...given(model),
    engine,
    command: own ?? resolveCommand(name, kind, command),
    gpus,
    gpuNames: devices === undefined ? [] : gpuNames(gpus, machine),
    gpuEnv: gpuEnv(devices, machine),
    timeouts: { ...inherited, ...given({ timeouts: {}, ...model }.timeouts) },
    // The key is unique, stable from run to run, and what people see in logs.
    id: name
  }
}

/** Nothing where nobody tells what GPUs there are: the engines may live on the CPU. */
function gpuNames (gpus: number[], machine: Machine | undefined): string[] {
  if (machine?.variable === 'HIP_VISIBLE_DEVICES') return gpus.map(index => `amd-${index}`)
  return gpus.flatMap(index => machine?.gpus?.find(gpu => gpu.index === index)?.uuid ?? [])
}

/** `nvidia-smi` counts by the bus, CUDA by speed unless it is told otherwise. */
function gpuEnv (devices: string[] | undefined, machine: Machine | undefined): Record<string, string> {
  if (machine === undefined || devices === undefined) return {}
  return { ...(machine.variable === 'CUDA_VISIBLE_DEVICES' && { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }), [machine.variable]: devices.join(',') }
}

/**
 * Checks the options of the plugin and fills in every default. The result is a frozen copy.
 *
 * `machine`: whether the GPUs are there can only be said of a machine that one knows.
 *
 * @throws {OptionsError} names the option's path as one would write it in JavaScript, and what is allowed.
 */
export function resolveOptions (options: LlmuxOptions, machine?: Machine): ResolvedOptions {
  validateOptions(options)
  const { command, freeze, policy, ...top } = { ...topDefaults(), ...given(options) }
  const timeouts = { ...defaultTimeouts, ...given(top.timeouts) }
  const models = Object.entries(options.models).map(([name, model]) => resolveModel(name, model, { command, freeze, timeouts, machine }))
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
    fallbackUpstream: upstreamOrigin(top.fallbackUpstream)
  }
  return Object.freeze({ ...frozen(resolved), names })
}
