import { ModelNotFoundError } from './errors.ts'

/** What of a name is told. Characters. */
const longestName = 200

/** Control and format characters, line separators, halves of characters: what would break a line, or hide part of it. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A name comes from a client, may be as long as a body, and goes into answers and log lines. */
export function unknownModel (name: string): Error {
  const start = name.length > longestName ? `${name.slice(0, longestName)}…` : name
  return new ModelNotFoundError(start.replace(unprintable, character => `\\u{${character.codePointAt(0)!.toString(16)}}`))
}
