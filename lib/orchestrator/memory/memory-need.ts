import { memoryShare } from '../../engines/arguments.ts'
import type { ResolvedModel } from '../../options/types.ts'

/** vLLM's default for `--gpu-memory-utilization`. It does not start unless so much of the whole is free. */
const defaultUtilization = 0.92

/** What a sleeper keeps at least, and so need not get back. 0.4 to 2 GiB have been seen. Bytes. */
const leastResidue = 0.4 * 1024 ** 3

/** Bytes that an engine needs of a GPU to start. `measured`: what it took in an earlier life. */
export function needToStart ({ engine, args, gpuShare }: ResolvedModel, measured: number | undefined, total: number): number {
  const given = memoryShare(engine, args)
  if (given !== undefined && given > 0) return given * total
  return measured ?? Math.min(gpuShare, defaultUtilization) * total
}

/** The same for one that sleeps, and still holds a part of it. `freed`: what its sleep has given back, if that is known. */
export function needToWake (model: ResolvedModel, measured: number | undefined, total: number, freed?: number): number {
  return freed ?? Math.max(0, (measured ?? needToStart(model, measured, total)) - leastResidue)
}
