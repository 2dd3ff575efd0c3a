import { OptionsError } from '../errors.ts'
import { guardFault } from '../admin/options.ts'
import type { Guard } from '../admin/options.ts'

/** Options of the plugin `fastify-llmux/page`. Unknown keys are refused. */
export interface PageOptions {
  /** As given to `fastify-llmux/admin`. With a key the page asks for it once; `false`: it asks for nothing. */
  guard: Guard | false
  /** The path of the operators' routes, as they are registered, `/admin` say. Default: the page's own prefix. */
  admin?: string
}

const known = ['guard', 'admin', 'prefix', 'logLevel', 'logSerializers']

/** @throws {OptionsError} */
export function checkOptions (options: PageOptions): void {
  const unknown = Object.keys(options).find(key => !known.includes(key))
  if (unknown !== undefined) throw new OptionsError(unknown, 'is unknown: known are guard, admin')
  const fault = guardFault(options.guard)
  if (fault !== undefined) throw new OptionsError('guard', fault)
  const { admin } = options
  if (admin !== undefined && !(typeof admin === 'string' && /^(\/[\w.~-]+)*$/.test(admin))) throw new OptionsError('admin', 'must be a path such as /admin, without a slash at its end')
}
