import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startMock } from '../../../lib/mock/index.ts'

test('the command carries the flags and the simulated GPU, and the engines need nothing else', () => {
  const mock = startMock({ gpus: 2, gpuMemory: 8_000, flags: { startMs: 500, tokenMs: 20 } })
  const command = mock.options.command as string[]
  const directory = command.find(word => word.startsWith('MOCK_VLLM_GPU='))!.slice('MOCK_VLLM_GPU='.length)
  expect(command).toContain('MOCK_VLLM_START_MS=500')
  expect(command).toContain('MOCK_VLLM_TOKEN_MS=20')
  expect(existsSync(command.at(-1)!)).toBe(true)
  expect(mock.options.gpuMemoryCommand).toContain(directory)
  expect(JSON.parse(readFileSync(join(directory, 'gpu.json'), 'utf8'))).toEqual({ totalMiB: 8_000, devices: 2 })
  expect(mock.records(), 'nothing has started').toEqual([])
  mock.setFaults('a/b', { start: 'exit@1' })
  expect(JSON.parse(readFileSync(join(directory, 'faults', 'a%2Fb.json'), 'utf8'))).toEqual({ start: 'exit@1' })
  mock.close()
  expect(existsSync(directory)).toBe(false)
})
