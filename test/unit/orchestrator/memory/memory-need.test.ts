import { describe, expect, it } from 'vitest'
import { needToStart, needToWake } from '../../../../lib/orchestrator/memory/memory-need.ts'
import { makeModel } from '../helper.ts'

const gibibyte = 1024 ** 3
const total = 100 * gibibyte

describe('what an engine needs to start', () => {
  it.each([
    [['--gpu-memory-utilization', '0.5'], 50], [['--gpu-memory-utilization=0.5'], 50], [['--gpu_memory_utilization', '0.5', '--x'], 50]
  ])('is what it is told to take, whatever it was seen to take: %j', (args, gibibytes) => {
    expect(needToStart(makeModel('a', { args }), undefined, total)).toBe(gibibytes * gibibyte)
    expect(needToStart(makeModel('a', { args }), 7, total)).toBe(gibibytes * gibibyte)
  })

  it('is what it was seen to take', () => {
    expect(needToStart(makeModel('a'), 7 * gibibyte, total)).toBe(7 * gibibyte)
  })

  it('is its share, or what vLLM takes by itself if that is less', () => {
    expect(needToStart(makeModel('a', { gpuShare: 0.4 }), undefined, total)).toBe(40 * gibibyte)
    expect(needToStart(makeModel('a'), undefined, total)).toBe(92 * gibibyte)
  })

  it('is not taken from an argument that is no number', () => {
    expect(needToStart(makeModel('a', { args: ['--gpu-memory-utilization'], gpuShare: 0.5 }), undefined, total)).toBe(50 * gibibyte)
  })
})

describe('what an engine needs to wake', () => {
  it('is less by what a sleeper keeps at least', () => {
    expect(needToWake(makeModel('a'), 7 * gibibyte, total)).toBe(6.6 * gibibyte)
    expect(needToWake(makeModel('a', { gpuShare: 0.5 }), undefined, total)).toBe(49.6 * gibibyte)
    expect(needToWake(makeModel('a'), 5, total)).toBe(0)
  })
})
