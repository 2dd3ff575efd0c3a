import { OptionsError } from '../errors.ts'
import { optionPath } from './path.ts'
import type { ResolvedModel } from './types.ts'

/** Flags that llmux sets itself, or must know of, and the option to use instead. */
const ownFlags = new Map([
  ['--port', 'use the option port'],
  ['--uds', 'leave the option port out'],
  ['--host', 'engines listen on this machine only'],
  ['--served-model-name', 'use the key in models and the option aliases'],
  ['--enable-sleep-mode', 'use the option sleepMode'],
  ['--no-enable-sleep-mode', 'use the option sleepMode'],
  // In the command line everybody on the machine could read it, and our own calls would be refused.
  ['--api-key', 'use env.VLLM_API_KEY']
])

/** vLLM takes `--served_model_name` and `--port=80` as well. */
const flagOf = (argument: string): string => argument.split('=', 1).join().replaceAll('_', '-')

export function checkArgs ({ id, args }: ResolvedModel): void {
  for (const [index, argument] of args.entries()) {
    const instead = ownFlags.get(flagOf(argument))
    if (instead !== undefined) throw new OptionsError(optionPath('models', id, 'args', index), `must not be ${flagOf(argument)}: ${instead}`)
  }
}

/** The share of each GPU that vLLM is told to take, if it is told. */
export function memoryUtilization (args: readonly string[]): number | undefined {
  return numberOf(args, '--gpu-memory-utilization')
}

/** How many engines of its own the API process spreads requests over. */
export function dataParallelSize (args: readonly string[]): number {
  return numberOf(args, '--data-parallel-size') ?? numberOf(args, '-dp') ?? 1
}

const parallelFlags = [['--tensor-parallel-size', '-tp'], ['--pipeline-parallel-size', '-pp'], ['--data-parallel-size', '-dp']]

/** How many GPUs the engine takes by its arguments; undefined if they say nothing of it. */
export function parallelSize (args: readonly string[]): number | undefined {
  const sizes = parallelFlags.flatMap(flags => flags.map(flag => numberOf(args, flag)).find(size => size !== undefined) ?? [])
  return sizes.length === 0 ? undefined : sizes.reduce((product, size) => product * size, 1)
}

function numberOf (args: readonly string[], flag: string): number | undefined {
  const index = args.findLastIndex(argument => flagOf(argument) === flag)
  const argument = args[index]
  if (argument === undefined) return undefined
  return Number(argument.includes('=') ? argument.split('=')[1] : args[index + 1])
}

/** Two models that fit together by their options must also fit by what vLLM takes. */
export function checkGpuShare ({ id, args, gpuShare }: ResolvedModel): void {
  const taken = memoryUtilization(args)
  if (taken !== undefined && taken > gpuShare) {
    throw new OptionsError(optionPath('models', id, 'gpuShare'), `must be at least ${taken}, which --gpu-memory-utilization in args takes, not ${gpuShare}`)
  }
}
