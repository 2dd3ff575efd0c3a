import { checkDefaultModel, checkModels, upstreamOrigin } from './checks.ts'
import { dataParallelSize } from './engine-args.ts'
import { defaultTimeouts, modelDefaults, topDefaults } from './defaults.ts'
import { given } from './given.ts'
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

type Inherited = Pick<ResolvedModel, 'command' | 'freeze'> & { timeouts: Required<Timeouts> }

function resolveModel (name: string, model: ModelOptions, { command, freeze, timeouts: { body, grace, ...inherited } }: Inherited): ResolvedModel {
  return {
    ...modelDefaults(name),
    command,
    // A pause of theirs has been seen to hang: not unless asked for.
    freeze: dataParallelSize(model.args ?? []) > 1 ? false : freeze,
    ...given(model),
    timeouts: { ...inherited, ...given({ timeouts: {}, ...model }.timeouts) },
    // The key is unique, stable from run to run, and what people see in logs.
    id: name
  }
}

/**
 * Checks the options of the plugin and fills in every default. The result is a frozen copy.
 *
 * @throws {OptionsError} names the option's path as one would write it in JavaScript, and what is allowed.
 */
export function resolveOptions (options: LlmuxOptions): ResolvedOptions {
  validateOptions(options)
  const { command, freeze, policy, ...top } = { ...topDefaults(), ...given(options) }
  const timeouts = { ...defaultTimeouts, ...given(top.timeouts) }
  const models = Object.entries(options.models).map(([name, model]) => resolveModel(name, model, { command, freeze, timeouts }))
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
