import type { ResolvedModel, ResolvedOptions } from './options/types.ts'
import { unknownModel } from './unknown-model.ts'

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
