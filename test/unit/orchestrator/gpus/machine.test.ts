import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lookAtMachine } from '../../../../lib/orchestrator/gpus/machine.ts'

let bin: string
const warnings: Error[] = []

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'b-'))
  warnings.length = 0
})
afterEach(() => rmSync(bin, { recursive: true }))

function look (script: string | undefined, env: Record<string, string> = {}) {
  if (script !== undefined) {
    writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, 'nvidia-smi'), 0o755)
  }
  return lookAtMachine({ env: { PATH: script === undefined ? bin : `${bin}:${process.env.PATH}`, ...env }, warn: error => warnings.push(error) })
}

// As nvidia-smi of an H100 writes it, and of a DGX Spark.
const answers = `if [ "$1" = -L ]; then
echo 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)'
echo '  MIG 1g.10gb     Device  0: (UUID: MIG-a)'
echo '  MIG 2g.20gb     Device  1: (UUID: MIG-b)'
else
echo '0, GPU-1, NVIDIA H100 80GB HBM3, 81559'
echo '1, GPU-2, NVIDIA GB10, [N/A]'
fi`

it('knows index, UUID, name and memory of each GPU, and MIG devices', async () => {
  expect((await look(answers)).gpus).toEqual([
    { index: 0, uuid: 'GPU-1', name: 'NVIDIA H100 80GB HBM3', total: 81559 * 1024 ** 2 },
    { index: 1, uuid: 'GPU-2', name: 'NVIDIA GB10', total: undefined },
    { index: 2, uuid: 'MIG-a', name: 'MIG 1g.10gb', total: undefined },
    { index: 3, uuid: 'MIG-b', name: 'MIG 2g.20gb', total: undefined }
  ])
})

it('knows what our environment names', async () => {
  expect((await look(answers, { CUDA_VISIBLE_DEVICES: '1, GPU-1' })).visible).toEqual(['1', 'GPU-1'])
  expect((await look(answers, { CUDA_VISIBLE_DEVICES: '' })).visible).toEqual([])
  expect((await look(answers)).visible).toBeUndefined()
})

it('knows nothing of GPUs without nvidia-smi', async () => {
  expect((await look(undefined)).gpus).toBeUndefined()
  expect(warnings).toEqual([])
})

it('warns of a nvidia-smi that fails, and goes on', async () => {
  expect((await look('echo "no driver" >&2; exit 9')).gpus).toBeUndefined()
  expect(warnings).toMatchObject([{ message: expect.stringContaining('no driver') }])
})
