import { LlmuxError } from '../../errors.ts'
import { unquote } from '../../orchestrator/life.ts'

/** `3.4 s`, `0.25 s`, `412 s`: as exact as somebody needs who compares two of them. */
export function seconds (milliseconds: number): string {
  const value = milliseconds / 1000
  return `${value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0)} s`
}

/** Whole milliseconds, for fields. */
export function rounded<Name extends string> (durations: Partial<Record<Name, number>>): Partial<Record<Name, number>> {
  return Object.fromEntries(Object.entries<number | undefined>(durations).map(([name, ms]) => [name, ms && Math.round(ms)])) as Partial<Record<Name, number>>
}

/** An error as fields of a log line: what the engine said last is a list there, not a text with `\n` in it, twice. */
export function described (error: Error): { text: string, fields: object } {
  const { text, lastLines } = unquote(error.message)
  return {
    text,
    fields: {
      // The stack of an error of ours tells of nothing but us.
      ...(error instanceof LlmuxError ? { code: error.code } : { err: error }),
      ...(lastLines.length > 0 && { lastLines })
    }
  }
}
