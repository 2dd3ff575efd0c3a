import { expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { GpuUse } from '../../../lib/validate/gpu-use.ts'
import type { GpuMemories } from '../../../lib/orchestrator/memory/gpu-memory.ts'

const signal = new AbortController().signal
const total = 100 * 1024 ** 2

function use (looks: Array<number[] | undefined | Error>, { gpus = [0], limit = 5_000 } = {}) {
  let count = 0
  const read = async (): Promise<GpuMemories | undefined> => {
    const look = looks[Math.min(count++, looks.length - 1)]
    if (look instanceof Error) throw look
    return look?.map(used => ({ used, total }))
  }
  return { gpu: new GpuUse({ clock: systemClock, read, gpus, limit, signal }), looks: () => count }
}

test('waits for memory to come back, and no longer', async () => {
  const { gpu, looks } = use([[90], [90], [20], [10]])
  expect(await gpu.fallTo(20)).toBe(20)
  expect(looks()).toBe(3)
})

test('what does not come back in time is told as it is, and is not unknown', async () => {
  const { gpu } = use([[90]], { limit: 30 })
  expect(await gpu.fallTo(20)).toBe(90)
  expect(gpu.unknown).toBe(undefined)
})

test('several GPUs count together', async () => {
  expect(await use([[10, 99, 20]], { gpus: [0, 2] }).gpu.look()).toBe(30)
})

const unknown: Array<[look: number[] | undefined | Error, gpus: number[], why: string]> = [
  [undefined, [0], 'there is no nvidia-smi, and no gpuMemoryCommand'],
  [[5], [0, 1], 'the memory command tells nothing of GPU 0, 1'],
  [new Error('no driver'), [0], 'no driver']
]

test.for(unknown)('%o for GPU %o is unknown: %s', async ([look, gpus, why]) => {
  const { gpu } = use([look], { gpus })
  expect(await gpu.look()).toBe(undefined)
  expect(gpu.unknown).toBe(why)
})
