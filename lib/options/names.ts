import { OptionsError } from '../errors.ts'
import { optionPath } from './path.ts'
import type { ResolvedModel } from './types.ts'

interface Claim {
  name: string
  id: string
  path: string
}

/** Keys first, so that a clash is reported at the alias, not at the model. */
function * claims (models: readonly ResolvedModel[]): Generator<Claim> {
  for (const { id } of models) yield { name: id, id, path: optionPath('models', id) }
  for (const { id, aliases, adapters } of models) {
    for (const [index, name] of aliases.entries()) yield { name, id, path: optionPath('models', id, 'aliases', index) }
    for (const [index, name] of adapters.entries()) yield { name, id, path: optionPath('models', id, 'adapters', index) }
  }
}

/** Every name, alias and adapter, with the id of the engine that serves it. A Map, since a name may be `__proto__`. */
export function mapNames (models: readonly ResolvedModel[]): Map<string, string> {
  const taken = new Map<string, Claim>()
  for (const claim of claims(models)) {
    const earlier = taken.get(claim.name)
    if (earlier !== undefined) throw new OptionsError(claim.path, `must be a name of its own: ${JSON.stringify(claim.name)} is taken by ${earlier.path}`)
    taken.set(claim.name, claim)
  }
  return new Map([...taken.values()].map(({ name, id }) => [name, id]))
}
