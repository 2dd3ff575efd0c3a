import type { ResolvedModel, ResolvedOptions } from './options/types.ts'
import { unknownModel } from './unknown-model.ts'

/** Which models there are, and by which names: the one thing of the options that changes while requests run. */
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

  /** The engine that a name stands for. @throws {ModelNotFoundError} */
  id (name: string): string {
    const id = this.#names.get(name)
    if (id === undefined) throw unknownModel(name)
    return id
  }

  /** Undefined if it is not there any more, or not yet. */
  find (id: string): ResolvedModel | undefined {
    return this.#models.find(model => model.id === id)
  }

  /** From now on names mean this. */
  set (models: readonly ResolvedModel[], names: ReadonlyMap<string, string>): void {
    this.#models = models
    this.#names = names
  }
}
