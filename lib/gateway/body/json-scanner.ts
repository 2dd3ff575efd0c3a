import { isUtf8 } from 'node:buffer'
import { BodyNotJsonError } from '../../errors.ts'
import { ascii } from './ascii.ts'

const { tab, lineFeed, carriageReturn, space, quote, plus, comma, minus, dot, zero, nine, colon, openBracket, backslash, openBrace, closeBrace, letterE, letterF, letterN, letterT, letterU } = ascii

/** 1 for the bytes that may follow a backslash, except `u`: a table is faster than a set. */
const isEscape = Uint8Array.from({ length: 256 }, (_, byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0)

const isHex = (byte: number): boolean =>
  (byte >= zero && byte <= nine) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

/** Tests four bytes at once for a quote, a backslash or a control character: the usual trick with borrows. */
function isSpecialWord (word: number): boolean {
  const quotes = word ^ 0x22222222
  const backslashes = word ^ 0x5c5c5c5c
  return ((((word - 0x20202020) & ~word) | ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes)) & 0x80808080) !== 0
}

/** Bodies shorter than this are walked over byte by byte: that takes less than to make the words. Bytes. */
const worthWords = 512

const noWords = new Int32Array(0)

/**
 * Walks over JSON text as bytes and accepts exactly what `JSON.parse` accepts. Every `skip` takes the position of a first
 * byte and returns the position after the last. It builds nothing, so it is faster than `JSON.parse` and leaves no garbage.
 * It does not recurse, so deep nesting is harmless.
 */
export class JsonScanner {
  readonly #bytes: Buffer
  /** The same memory as four-byte words, from the first aligned position; none of a short body. */
  readonly #words: Int32Array
  readonly #firstWord: number

  constructor (bytes: Buffer) {
    if (!isUtf8(bytes)) throw new BodyNotJsonError('it is not UTF-8')
    this.#bytes = bytes
    this.#firstWord = -bytes.byteOffset & 3
    this.#words = bytes.length < worthWords ? noWords : new Int32Array(bytes.buffer, bytes.byteOffset + this.#firstWord, (bytes.length - this.#firstWord) >> 2)
  }

  fail (at: number): never {
    throw new BodyNotJsonError(at >= this.#bytes.length ? 'it ends too early' : `unexpected character at byte ${at}`)
  }

  /** The byte at this position, or 0, which JSON does not contain: reading past the end would make V8 deoptimize the code. */
  byteAt (at: number): number {
    return at < this.#bytes.length ? this.#bytes[at] as number : 0
  }

  skipSpace (at: number): number {
    const bytes = this.#bytes
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte > space || (byte !== space && byte !== lineFeed && byte !== carriageReturn && byte !== tab)) return at
    }
    return at
  }

  skipByte (at: number, expected: number): number {
    return this.byteAt(at) === expected ? at + 1 : this.fail(at)
  }

  skipString (at: number): number {
    at = this.skipByte(at, quote)
    for (;;) {
      at = this.#skipPlain(at)
      const byte = this.byteAt(at)
      if (byte === quote) return at + 1
      at = byte === backslash ? this.#skipEscape(at) : this.fail(at)
    }
  }

  /** Skips plain characters, which are most of a large body, up to the next special one. */
  #skipPlain (at: number): number {
    const bytes = this.#bytes
    const words = this.#words
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte === quote || byte === backslash || byte < space) return at
      if (words === noWords || ((at - this.#firstWord) & 3) !== 3) continue
      let word = (at + 1 - this.#firstWord) >> 2
      while (word < words.length && !isSpecialWord(words[word] as number)) word++
      at = (word << 2) + this.#firstWord - 1
    }
    return at
  }

  #skipEscape (at: number): number {
    const byte = this.byteAt(at + 1)
    if (byte !== letterU) return isEscape[byte] === 1 ? at + 2 : this.fail(at + 1)
    for (let hex = at + 2; hex < at + 6; hex++) if (!isHex(this.byteAt(hex))) this.fail(hex)
    return at + 6
  }

  #skipDigits (at: number): number {
    const bytes = this.#bytes
    const start = at
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte < zero || byte > nine) break
    }
    return at === start ? this.fail(at) : at
  }

  #skipNumber (at: number): number {
    if (this.byteAt(at) === minus) at++
    at = this.byteAt(at) === zero ? at + 1 : this.#skipDigits(at)
    if (this.byteAt(at) === dot) at = this.#skipDigits(at + 1)
    if ((this.byteAt(at) | 0x20) !== letterE) return at
    const sign = this.byteAt(at + 1)
    return this.#skipDigits(sign === plus || sign === minus ? at + 2 : at + 1)
  }

  #skipLiteral (at: number, literal: string): number {
    for (let index = 0; index < literal.length; index++) at = this.skipByte(at, literal.charCodeAt(index))
    return at
  }

  #skipScalar (at: number): number {
    switch (this.byteAt(at)) {
      case quote: return this.skipString(at)
      case letterT: return this.#skipLiteral(at, 'true')
      case letterF: return this.#skipLiteral(at, 'false')
      case letterN: return this.#skipLiteral(at, 'null')
      default: return this.#skipNumber(at)
    }
  }

  /** From the end of a key to its value. */
  skipColon (at: number): number {
    return this.skipSpace(this.skipByte(this.skipSpace(at), colon))
  }

  #skipKey (at: number): number {
    return this.skipColon(this.skipString(at))
  }

  skipValue (at: number): number {
    /** The closer of the array or object around the innermost one, whose closer is `closer`; 0 outside all of them. */
    const outer: number[] = []
    let closer = 0
    for (;;) {
      const byte = this.byteAt(at)
      if (byte === openBrace || byte === openBracket) {
        outer.push(closer)
        closer = byte + 2
        at = this.skipSpace(at + 1)
        if (this.byteAt(at) !== closer) {
          if (closer === closeBrace) at = this.#skipKey(at)
          continue
        }
      } else {
        at = this.#skipScalar(at)
      }
      if (closer === 0) return at
      at = this.skipSpace(at)
      while (this.byteAt(at) === closer) {
        closer = outer.pop() as number
        if (closer === 0) return at + 1
        at = this.skipSpace(at + 1)
      }
      at = this.skipSpace(this.skipByte(at, comma))
      if (closer === closeBrace) at = this.#skipKey(at)
    }
  }
}
