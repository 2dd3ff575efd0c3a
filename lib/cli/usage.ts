/** The command line is wrong. */
export class UsageError extends Error {}

/** A whole number in a range. */
export function wholeNumber (flag: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value
  throw new UsageError(`${flag} must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(text)}`)
}
