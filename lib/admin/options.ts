import type { preHandlerAsyncHookHandler, preHandlerHookHandler } from 'fastify'
import { OptionsError } from '../errors.ts'

/**
 * Who may use the routes: a hook that refuses all others, or the key that callers send as `Authorization: Bearer KEY` or
 * `x-llmux-key: KEY`.
 */
export type Guard = string | preHandlerHookHandler | preHandlerAsyncHookHandler

/** The part of prom-client's `Registry` that the plugin uses. */
export interface MetricsRegistry {
  readonly contentType: string
  metrics (): Promise<string>
}

/** Options of the plugin `fastify-llmux/admin`. Unknown keys are refused. */
export interface AdminOptions {
  /** Required. `false`: everyone who reaches the server may do everything. */
  guard: Guard | false
  /** What `GET metrics` answers from. Default: none. */
  registry?: MetricsRegistry
  /** How many events are kept for readers that reconnect. Default 1 000. Minimum 0. */
  journal?: number
}

const known = ['guard', 'registry', 'journal', 'prefix', 'logLevel', 'logSerializers']

/** What is wrong with a guard; undefined if nothing is. */
export function guardFault (guard: unknown): string | undefined {
  if (guard === false || typeof guard === 'function' || (typeof guard === 'string' && /^[\x21-\x7e]+$/.test(guard))) return undefined
  return 'must be a preHandler, a key without spaces, or false to go without'
}

/** @throws {OptionsError} */
export function checkOptions (options: AdminOptions): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown !== undefined) throw new OptionsError(unknown, `is unknown: known are ${known.slice(0, 3).join(', ')}`)
  const { guard, registry, journal = 0 } = options
  const fault = guardFault(guard)
  if (fault !== undefined) throw new OptionsError('guard', fault)
  if (registry !== undefined && typeof registry.metrics !== 'function') throw new OptionsError('registry', 'must be a registry of prom-client')
  if (!Number.isSafeInteger(journal) || journal < 0) throw new OptionsError('journal', 'must be a whole number of at least 0')
}
