/** A key to look for in a JSON body. */
export class JsonKey {
  readonly #name: string
  readonly #plain: Buffer
  readonly #longest: number

  constructor (name: string) {
    this.#name = name
    this.#plain = Buffer.from(`"${name}"`)
    this.#longest = `"${'\\u0000'.repeat(name.length)}"`.length
  }

  /**
   * Whether the string at this position is the key. It may contain escapes, as `"mod\u0065l"`: the engine reads that as the
   * same key.
   */
  isAt (body: Buffer, start: number, end: number): boolean {
    const length = end - start
    if (length === this.#plain.length) return body.compare(this.#plain, 0, length, start, end) === 0
    if (length < this.#plain.length || length > this.#longest) return false
    const key = body.toString('latin1', start, end)
    return key.includes('\\') && JSON.parse(key) === this.#name
  }
}
