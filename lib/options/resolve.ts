import { checkDefaultModel, checkModels, upstreamOrigin } from './checks.ts'
import { dataParallelSize } from './engine-args.ts'
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
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozen(item)]))) as T
}

type Inherited = Pick<ResolvedModel, 'command' | 'freeze'> & { timeouts: Required<Timeouts>, machine: Machine | undefined }

function resolveModel (name: string, model: ModelOptions, { command, freeze, timeouts: { body, grace, ...inherited }, machine }: Inherited): ResolvedModel {
  const { gpus: named, ...defaults } = modelDefaults(name)
  const { gpus, devices } = placeModel({ id: name, args: [], env: {}, ...given(model) }, model.gpus ?? named, machine)
  return {
    ...defaults,
    command,
    // A pause of theirs has been seen to hang: not unless asked for.
    freeze: dataParallelSize(model.args ?? []) > 1 ? false : freeze,
    ...given(model),
    gpus,
    gpuEnv: gpuEnv(devices, machine),
    timeouts: { ...inherited, ...given({ timeouts: {}, ...model }.timeouts) },
    // The key is unique, stable from run to run, and what people see in logs.
    id: name
  }
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
