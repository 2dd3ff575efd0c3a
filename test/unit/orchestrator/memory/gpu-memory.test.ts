import { describe, expect, it } from 'vitest'
import { parseMemory } from '../../../../lib/orchestrator/memory/gpu-memory.ts'

const mebibyte = 1024 ** 2

describe('what the command prints', () => {
  it('is a line for each GPU, in MiB', () => {
    expect(parseMemory('1341, 46068\n0, 46068\n')).toEqual([
      { used: 1341 * mebibyte, total: 46068 * mebibyte },
      { used: 0, total: 46068 * mebibyte }
    ])
  })

  it.each(['1341 MiB, 46068 MiB', '  1341 ,46068  \r\n', '\n1341, 46068\n\n'])('may be written in other ways: %j', text => {
    expect(parseMemory(text)).toEqual([{ used: 1341 * mebibyte, total: 46068 * mebibyte }])
  })

  it.each(['[N/A], [N/A]', '[N/A], 128000', 'N/A', '-1, 5', '5, 0', 'No devices were found'])('says nothing of a GPU of which the driver does not know: %j', line => {
    expect(parseMemory(`${line}\n5, 10\n`)).toEqual([undefined, { used: 5 * mebibyte, total: 10 * mebibyte }])
  })

  it('is of the host where GPU and host share one memory', () => {
    expect(parseMemory('[N/A], [N/A]\n5, 10\n', { total: 100, available: 30 })).toEqual([{ used: 70, total: 100, shared: true }, { used: 5 * mebibyte, total: 10 * mebibyte }])
  })

  it('may have lines of processes, which are no GPUs', () => {
    expect(parseMemory('1, 2\nprocess, 0, 17, python3, 1\n3, 4\n')).toEqual([{ used: mebibyte, total: 2 * mebibyte }, { used: 3 * mebibyte, total: 4 * mebibyte }])
  })

  it('may be nothing', () => {
    expect(parseMemory(' \n')).toEqual([])
  })
})
