import { ModelNotFoundError } from './errors.ts'
import type { ResolvedModel, ResolvedOptions } from './options/types.ts'

/** Which models there are, by all their names: the only part of the options that changes while requests run. */
export class Directory {
  #models: readonly ResolvedModel[]
  #names: ReadonlyMap<string, string>

  constructor ({ models, names }: Pick<ResolvedOptions, 'models' | 'names'>) {
    this.#models = models
    this.#names = names
  }

  get models (): readonly ResolvedModel[] {
    return this.#models
  }

  /** Every name, alias and adapter, and the id of the engine that serves it. */
  get names (): ReadonlyMap<string, string> {
    return this.#names
  }

  /** The engine for a name. @throws {ModelNotFoundError} */
  id (name: string): string {
    const id = this.#names.get(name)
    if (id === undefined) throw unknownModel(name)
    return id
  }

  /** Undefined if the model is gone, or not there yet. */
  find (id: string): ResolvedModel | undefined {
    return this.#models.find(model => model.id === id)
  }

  /** Replaces the names from now on. */
  set (models: readonly ResolvedModel[], names: ReadonlyMap<string, string>): void {
    this.#models = models
    this.#names = names
  }
}

/** How much of a name is shown. Characters. */
const longestName = 200

/** Control and format characters, line separators, lone surrogates: they would break a line, or hide part of it. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A name comes from a client, may be as long as a body, and appears in answers and log lines. */
export function unknownModel (name: string): Error {
  const start = name.length > longestName ? `${name.slice(0, longestName)}…` : name
  return new ModelNotFoundError(start.replace(unprintable, character => `\\u{${character.codePointAt(0)!.toString(16)}}`))
}
