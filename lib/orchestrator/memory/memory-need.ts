import { memoryShare } from '../../engines/arguments.ts'
import type { ResolvedModel } from '../../options/types.ts'

/** vLLM's default for `--gpu-memory-utilization`. It does not start unless so much of the whole is free. */
const defaultUtilization = 0.92

/** What a sleeper keeps at least, and so need not get back. 0.4 to 2 GiB have been seen. Bytes. */
const leastResidue = 0.4 * 1024 ** 3

/** As long as a sleeper has not said what it keeps: 0.8 GiB without CUDA graphs, and up to 2 with them, have been seen. Bytes. */
export const usualResidue = 1.5 * 1024 ** 3

/** The share of a GPU that is left to sleepers at most. With more of them, a start stops the ones that are missed least. */
const largestReserve = 0.15

/** What is known of a GPU where an engine is to start. Bytes. */
export interface Room {
  total: number
  /** What the other models of this GPU keep of it when they sleep, all together. */
  kept: number
}

/**
 * The share of a GPU that an engine is told to take: its `gpuShare` of what sleepers leave, so that shares that add up to
 * 1 fit beside them. Undefined where `args` says it, or where the engine's own default will do.
 */
export function shareToTell ({ engine, args, gpuShare }: Pick<ResolvedModel, 'engine' | 'args' | 'gpuShare'>, { total, kept }: Room): number | undefined {
  const { defaultMemoryShare } = engine
  if (defaultMemoryShare === undefined || memoryShare(engine, args) !== undefined) return undefined
  const share = Math.floor(gpuShare * (1 - Math.min(kept / total, largestReserve)) * 1_000) / 1_000
  return gpuShare === 1 && share >= defaultMemoryShare ? undefined : share
}

/** Bytes that an engine needs of a GPU to start. `measured`: what it took in an earlier life. */
export function needToStart (model: ResolvedModel, measured: number | undefined, room: Room): number {
  const { engine, args, gpuShare } = model
  const given = memoryShare(engine, args)
  const told = given !== undefined && given > 0 ? given : shareToTell(model, room)
  if (told !== undefined) return told * room.total
  return measured ?? Math.min(gpuShare, defaultUtilization) * room.total
}

/** The same for one that sleeps, and still holds a part of it. `freed`: what its sleep has given back, if that is known. */
export function needToWake (model: ResolvedModel, measured: number | undefined, room: Room, freed?: number): number {
  return freed ?? Math.max(0, (measured ?? needToStart(model, measured, room)) - leastResidue)
}
