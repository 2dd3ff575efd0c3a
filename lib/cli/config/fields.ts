import { OptionsError } from '../../errors.ts'
import { optionPath } from '../../options/path.ts'

type Check<T> = (value: unknown) => value is T

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isString: Check<string> = value => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0
const isBoolean: Check<boolean> = value => typeof value === 'boolean'
const isStrings: Check<string[]> = value => Array.isArray(value) && value.every(isString)

/** The fields of an object in a configuration file. It knows which have been read: the rest is what nobody understands. */
export class Fields {
  readonly path: string[]
  readonly #object: Record<string, unknown>
  readonly #read = new Set<string>()

  /** @throws {OptionsError} if it is no object */
  constructor (value: unknown, path: string[] = []) {
    if (!isObject(value)) throw new OptionsError(optionPath(...path), 'must be an object')
    this.#object = value
    this.path = path
  }

  get names (): string[] {
    return Object.keys(this.#object)
  }

  /** How the object itself is called in messages. */
  get self (): string {
    return optionPath(...this.path)
  }

  /** How a field is called in messages. */
  pathOf (name: string): string {
    return optionPath(...this.path, name)
  }

  string (name: string): string | undefined {
    return this.#take(name, isString, 'a string')
  }

  number (name: string): number | undefined {
    return this.#take(name, isNumber, 'a number of at least 0')
  }

  boolean (name: string): boolean | undefined {
    return this.#take(name, isBoolean, 'true or false')
  }

  strings (name: string): string[] | undefined {
    return this.#take(name, isStrings, 'a list of strings')
  }

  object (name: string): Fields | undefined {
    const value = this.#take(name, isObject, 'an object')
    return value && new Fields(value, [...this.path, name])
  }

  /** A field whose value does not matter, or is judged elsewhere. */
  any (name: string): unknown {
    this.#read.add(name)
    // A name may be one that every object has: `constructor`.
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined
  }

  /** The fields that nobody has asked for. */
  unread (): Array<[name: string, value: unknown]> {
    return Object.entries(this.#object).filter(([name]) => !this.#read.has(name))
  }

  #take<T> (name: string, check: Check<T>, allowed: string): T | undefined {
    const value = this.any(name)
    // An empty field of YAML is null: as if it were not there.
    if (value === undefined || value === null) return undefined
    if (!check(value)) throw new OptionsError(this.pathOf(name), `must be ${allowed}`)
    return value
  }
}
