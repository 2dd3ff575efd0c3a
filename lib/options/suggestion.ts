import { closest, distance } from 'fastest-levenshtein'

/** More than half of the letters wrong is not a typing error. */
const isNear = (word: string, known: string): boolean =>
  distance(word.toLowerCase(), known.toLowerCase()) <= Math.max(2, known.length / 2)

/** A suggestion for an unknown word: the nearest known one, or all of them if none is near. */
export function suggestion (word: string, known: readonly string[]): string {
  const nearest = closest(word, known)
  return isNear(word, nearest) ? `did you mean ${nearest}?` : `known are ${known.join(', ')}`
}
