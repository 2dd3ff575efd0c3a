import { OptionsError } from '../../errors.ts'
import type { Fields } from './fields.ts'

/** More combinations than this nobody has written on purpose. */
const mostCombinations = 10_000

type Combination = ReadonlySet<string>

/**
 * The combinations of models that a matrix lets run together. In its sets `a & b` are together, `a | b` are alternatives,
 * `(…)` groups, `+name` stands for another set.
 *
 * @throws {OptionsError} for a set that cannot be read
 */
export function readSets (matrix: Fields): Combination[] {
  const vars = matrix.object('vars')
  const sets = matrix.object('sets')
  const modelOf = new Map((vars?.names ?? []).map(name => [name, vars!.string(name)!]))
  const evaluate = (name: string, outer: string[]): Combination[] => {
    const field = sets!.pathOf(name)
    const text = sets!.string(name)
    if (text === undefined || outer.includes(name)) throw new OptionsError(field, text === undefined ? 'must be a set: it is named by another one' : 'has sets that contain each other')
    return new SetReader(text, field, modelOf, inner => evaluate(inner, [...outer, name])).read()
  }
  return (sets?.names ?? []).flatMap(name => evaluate(name, []))
}

/** One expression: `|` binds less than `&`. */
class SetReader {
  readonly #words: string[]
  readonly #field: string
  readonly #models: ReadonlyMap<string, string>
  readonly #setOf: (name: string) => Combination[]
  #at = 0

  constructor (text: string, field: string, models: ReadonlyMap<string, string>, setOf: (name: string) => Combination[]) {
    this.#words = text.match(/[&|()]|\+?[\w-]+|\S/g) ?? []
    this.#field = field
    this.#models = models
    this.#setOf = setOf
  }

  read (): Combination[] {
    const result = this.#either()
    if (this.#at < this.#words.length) this.#refuse()
    return result
  }

  #either (): Combination[] {
    const result = this.#together()
    while (this.#takes('|')) result.push(...this.#together())
    return result
  }

  #together (): Combination[] {
    let result = this.#one()
    while (this.#takes('&')) {
      const more = this.#one()
      if (result.length * more.length > mostCombinations) throw new OptionsError(this.#field, `must have at most ${mostCombinations} combinations`)
      result = result.flatMap(a => more.map(b => new Set([...a, ...b])))
    }
    return result
  }

  #one (): Combination[] {
    if (this.#takes('(')) {
      const inner = this.#either()
      if (!this.#takes(')')) this.#refuse()
      return inner
    }
    const word = this.#words[this.#at++] ?? ''
    if (word.startsWith('+')) return this.#setOf(word.slice(1))
    const model = this.#models.get(word)
    if (model === undefined) throw new OptionsError(this.#field, `has ${JSON.stringify(word)}, which is not in vars`)
    return [new Set([model])]
  }

  #takes (word: string): boolean {
    const is = this.#words[this.#at] === word
    if (is) this.#at++
    return is
  }

  #refuse (): never {
    throw new OptionsError(this.#field, `cannot be read from ${JSON.stringify(this.#words.slice(this.#at).join(' '))} on`)
  }
}

/** A model that runs beside at most n - 1 others takes 1/n of the GPU: then every combination fits. */
export function sharesOf (combinations: readonly Combination[]): Map<string, number> {
  const most = new Map<string, number>()
  for (const combination of combinations) for (const model of combination) most.set(model, Math.max(most.get(model) ?? 0, combination.size))
  return new Map([...most].filter(([, size]) => size > 1).map(([model, size]) => [model, Math.floor(1_000 / size) / 1_000]))
}
