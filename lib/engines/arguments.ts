import type { EngineAdapter } from './adapter.ts'

/** `--served_model_name` and `--port=80` are taken as well as `--served-model-name` and `--port 80`. */
export const flagOf = (argument: string): string => argument.split('=', 1).join().replaceAll('_', '-')

/** The number that follows the last of these flags; undefined if there is none. */
export function numberOf (args: readonly string[], ...flags: string[]): number | undefined {
  const index = args.findLastIndex(argument => flags.includes(flagOf(argument)))
  const argument = args[index]
  if (argument === undefined) return undefined
  return Number(argument.includes('=') ? argument.split('=')[1] : args[index + 1])
}

/** The share of each GPU's memory that an engine is told to take, if it is told. */
export function memoryShare ({ memoryFlag }: Pick<EngineAdapter, 'memoryFlag'>, args: readonly string[]): number | undefined {
  return memoryFlag === undefined ? undefined : numberOf(args, memoryFlag)
}

/** The product of such numbers; undefined if there is none of them. */
export function productOf (args: readonly string[], ...flags: string[][]): number | undefined {
  const numbers = flags.flatMap(names => numberOf(args, ...names) ?? [])
  return numbers.length === 0 ? undefined : numbers.reduce((product, number) => product * number, 1)
}
