import { ModelNotFoundError } from './errors.ts'

/** How much of a name is shown. Characters. */
const longestName = 200

/** Control and format characters, line separators, lone surrogates: they would break a line, or hide part of it. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A name comes from a client, may be as long as a body, and appears in answers and log lines. */
export function unknownModel (name: string): Error {
  const start = name.length > longestName ? `${name.slice(0, longestName)}…` : name
  return new ModelNotFoundError(start.replace(unprintable, character => `\\u{${character.codePointAt(0)!.toString(16)}}`))
}
