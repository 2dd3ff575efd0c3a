import { LlmuxError } from '../../errors.ts'

/** `3.4 s`, `0.25 s`, `412 s`: precise enough to compare two of them. */
export function seconds (milliseconds: number): string {
  const value = milliseconds / 1000
  return `${value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0)} s`
}

/** Whole milliseconds, for fields. */
export function rounded<Name extends string> (durations: Partial<Record<Name, number>>): Partial<Record<Name, number>> {
  return Object.fromEntries(Object.entries<number | undefined>(durations).map(([name, ms]) => [name, ms && Math.round(ms)])) as Partial<Record<Name, number>>
}

/** An error as fields of a log line and in words, with the engine's own line about why it did not start. */
export function described (error: Error): { text: string, fields: object } {
  // The stack of an llmux error says nothing about the engine.
  if (!(error instanceof LlmuxError)) return { text: error.message, fields: { err: error } }
  const { code, message, startCause, causeLine, lastLines } = error
  return {
    text: causeLine === undefined ? message : `${message} (${causeLine})`,
    fields: { code, ...(startCause !== undefined && { startCause }), ...(lastLines !== undefined && { lastLines }) }
  }
}
