import { describe, expect, it } from 'vitest'
import { engines } from '../../../../lib/engines/index.ts'
import { needToStart, needToWake, shareToTell } from '../../../../lib/orchestrator/memory/memory-need.ts'
import { makeModel } from '../helper.ts'

const gibibyte = 1024 ** 3
const total = 100 * gibibyte
const room = { total, kept: 0 }

describe('what an engine needs to start', () => {
  it.each([
    [['--gpu-memory-utilization', '0.5'], 50], [['--gpu-memory-utilization=0.5'], 50], [['--gpu_memory_utilization', '0.5', '--x'], 50]
  ])('is what it is told to take, whatever it was seen to take: %j', (args, gibibytes) => {
    expect(needToStart(makeModel('a', { args }), undefined, room)).toBe(gibibytes * gibibyte)
    expect(needToStart(makeModel('a', { args }), 7, room)).toBe(gibibytes * gibibyte)
  })

  it('is what it was seen to take', () => {
    expect(needToStart(makeModel('a'), 7 * gibibyte, room)).toBe(7 * gibibyte)
  })

  it('is its share, or what vLLM takes by itself if that is less', () => {
    expect(needToStart(makeModel('a', { gpuShare: 0.4 }), undefined, room)).toBe(40 * gibibyte)
    expect(needToStart(makeModel('a'), undefined, room)).toBe(92 * gibibyte)
  })

  it('is not taken from an argument that is no number', () => {
    expect(needToStart(makeModel('a', { args: ['--gpu-memory-utilization'], gpuShare: 0.5 }), undefined, room)).toBe(50 * gibibyte)
  })
})

describe('what an engine needs to wake', () => {
  it('is less by what a sleeper keeps at least', () => {
    expect(needToWake(makeModel('a'), 7 * gibibyte, room)).toBe(6.6 * gibibyte)
    expect(needToWake(makeModel('a', { gpuShare: 0.5 }), undefined, room)).toBe(49.6 * gibibyte)
    expect(needToWake(makeModel('a'), 5, room)).toBe(0)
  })
})

describe('the share that an engine is told to take', () => {
  const told = (gpuShare: number, kept: number, args: string[] = []) => shareToTell(makeModel('a', { gpuShare, args }), { total, kept: kept * gibibyte })

  it('is its own of what sleepers leave, so that shares that add up to one fit beside them', () => {
    expect(told(0.5, 0)).toBe(0.5)
    expect(told(0.5, 10)).toBe(0.45)
    expect(told(0.3, 4)! + told(0.7, 4)!).toBeLessThanOrEqual(0.96)
  })

  it('is left to an engine that has the GPU to itself, as long as its default fits', () => {
    expect(told(1, 0)).toBeUndefined()
    expect(told(1, 8)).toBeUndefined()
    expect(told(1, 12)).toBe(0.88)
  })

  it('leaves no more than 15 % to sleepers, however many there are', () => {
    expect(told(1, 20)).toBe(0.85)
    expect(told(0.5, 90)).toBe(0.425)
  })

  it('is what args say, where they say it', () => {
    expect(told(0.5, 10, ['--gpu-memory-utilization', '0.4'])).toBeUndefined()
  })

  it('is told to no engine that has not said how', () => {
    expect(shareToTell(makeModel('a', { engine: engines['llama.cpp'], gpuShare: 0.5 }), room)).toBeUndefined()
  })

  it('is what must be free at the start', () => {
    expect(needToStart(makeModel('a', { gpuShare: 0.5 }), 7 * gibibyte, { total, kept: 10 * gibibyte })).toBe(45 * gibibyte)
  })
})
