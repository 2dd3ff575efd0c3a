import { describe, expect, it } from 'vitest'
import { gpuHolders } from '../../../lib/host/gpu-memory.ts'

/** Processes 11 and 12 are of group 10, 99 is of a group of its own, and of 500 nothing is known. */
const groups: Record<string, number> = { 10: 10, 11: 10, 12: 10, 99: 99 }
const files = {
  list: async () => Object.keys(groups),
  stat: async (pid: string) => groups[pid] === undefined ? undefined : `${pid} (python3) S 1 ${groups[pid]} ${'0 '.repeat(30)}`
}
const models = [{ name: 'a', pid: 10 }, { name: 'b', pid: undefined }]
const held = (pid: number, gpu = 0) => ({ gpu, pid, name: 'python3', bytes: 5 })

describe('holders of GPU memory', () => {
  it('are models, with all processes of their groups, on each GPU', async () => {
    expect(await gpuHolders([held(11), held(12), held(12, 1)], models, files)).toEqual([
      { gpu: 0, bytes: 10, model: 'a', pid: undefined, program: undefined },
      { gpu: 1, bytes: 5, model: 'a', pid: undefined, program: undefined }
    ])
  })

  it('are listed one by one', async () => {
    expect(await gpuHolders([held(99), held(500)], models, files)).toEqual([
      { gpu: 0, bytes: 5, model: undefined, pid: 99, program: 'python3' },
      { gpu: 0, bytes: 5, model: undefined, pid: 500, program: 'python3' }
    ])
  })
})
