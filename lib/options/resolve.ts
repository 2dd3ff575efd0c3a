import { checkDefaultModel, checkModels, upstreamOrigin } from './checks.ts'
import { defaultTimeouts, modelDefaults, topDefaults } from './defaults.ts'
import { mapNames } from './names.ts'
import type { Command, LlmuxOptions, ModelOptions, PolicyOption, ResolvedModel, ResolvedOptions, Timeouts } from './types.ts'
import { validateOptions } from './validate.ts'

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/**
 * The own keys that are not undefined. Spread over defaults that name every key, neither `{ port: undefined }`
 * nor a polluted prototype shines through.
 */
function given<T extends object> (options: T | undefined): Given<T> {
  const entries = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<T>
}

/** Copies as it freezes, so that neither the caller's objects are frozen nor their later changes seen. */
function frozen<T> (value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map(frozen)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozen(item)]))) as T
}

function resolvePolicy (policy: PolicyOption): ResolvedOptions['policy'] {
  return { type: 'fifo', minActive: 0, ...(typeof policy === 'object' ? given(policy) : {}) }
}

function resolveModel (name: string, model: ModelOptions, command: Command, { body, grace, ...inherited }: Required<Timeouts>): ResolvedModel {
  return {
    ...modelDefaults(name),
    command,
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
  const { command, policy, ...top } = { ...topDefaults(), ...given(options) }
  const timeouts = { ...defaultTimeouts, ...given(top.timeouts) }
  const models = Object.entries(options.models).map(([name, model]) => resolveModel(name, model, command, timeouts))
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
