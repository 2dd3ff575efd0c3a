import type { EngineAdapter } from './adapter.ts'

/** Accepts `--served_model_name` and `--port=80` as well as `--served-model-name` and `--port 80`. */
export const flagOf = (argument: string): string => argument.split('=', 1).join().replaceAll('_', '-')

/** The number after the last of these flags; undefined without one. */
export function numberOf (args: readonly string[], ...flags: string[]): number | undefined {
  const index = args.findLastIndex(argument => flags.includes(flagOf(argument)))
  const argument = args[index]
  if (argument === undefined) return undefined
  return Number(argument.includes('=') ? argument.split('=')[1] : args[index + 1])
}

/** The share of each GPU's memory in the arguments, if any. */
export function memoryShare ({ memoryFlag }: Pick<EngineAdapter, 'memoryFlag'>, args: readonly string[]): number | undefined {
  return memoryFlag === undefined ? undefined : numberOf(args, memoryFlag)
}

/** The product of such numbers; undefined without any. */
export function productOf (args: readonly string[], ...flags: string[][]): number | undefined {
  const numbers = flags.flatMap(names => numberOf(args, ...names) ?? [])
  return numbers.length === 0 ? undefined : numbers.reduce((product, number) => product * number, 1)
}
