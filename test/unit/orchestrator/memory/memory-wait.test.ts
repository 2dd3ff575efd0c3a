import { describe, expect, it } from 'vitest'
import { waitForMemory } from '../../../../lib/orchestrator/memory/memory-wait.ts'
import type { GpuMemories } from '../../../../lib/orchestrator/memory/gpu-memory.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'
import { outcome, pass } from '../helper.ts'

const mebibyte = 1024 ** 2

/** One GPU of 100 MiB, or as many as numbers are given: what is free of each, in MiB, as time goes by. */
function setUp (freeAt: (milliseconds: number) => Array<number | undefined> | undefined, { need = 90, gpus = [0], quiet = 1_000 } = {}) {
  const clock = new FakeClock()
  const began = clock.now()
  const looks: number[] = []
  const controller = new AbortController()
  const read = async (): Promise<GpuMemories | undefined> => {
    looks.push(clock.now() - began)
    return freeAt(clock.now() - began)?.map(free => free === undefined ? undefined : { used: (100 - free) * mebibyte, total: 100 * mebibyte })
  }
  const wait = outcome(waitForMemory({ clock, read, gpus, need: total => total * need / 100, quiet }, controller.signal))
  return { clock, looks, wait, controller }
}

describe('waiting for memory', () => {
  it('is over at the first look where there is enough', async () => {
    const { wait, looks, clock } = setUp(() => [90])
    await pass(clock, 0)
    expect(wait.value).toBe(true)
    expect(looks).toEqual([0])
  })

  it('looks quickly at first, then less often, until there is enough', async () => {
    const { wait, looks, clock } = setUp(time => [time < 10_000 ? time / 200 : 95], { quiet: 5_000 })
    await pass(clock, 9_000)
    expect(wait.value).toBeUndefined()
    await pass(clock, 1_500)
    expect(wait.value).toBe(true)
    const pauses = looks.slice(1).map((time, index) => time - looks[index]!)
    expect(pauses[0]).toBeLessThanOrEqual(20)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500)
    expect(pauses.every((pause, index) => index === 0 || pause >= pauses[index - 1]! - 1e-6)).toBe(true)
    expect(looks.length).toBeLessThan(35)
    expect(clock.pending).toBe(0)
  })

  it('is over when no more has come for a while', async () => {
    const { wait, clock } = setUp(time => [Math.min(time / 100, 50)], { quiet: 1_000 })
    await pass(clock, 5_900)
    expect(wait.value).toBeUndefined()
    await pass(clock, 1_000)
    expect(wait.value).toBe(true)
  })

  it('does not take a process that comes and goes for growth', async () => {
    const { wait, clock } = setUp(time => [50 + (time % 2) / 4], { quiet: 1_000 })
    await pass(clock, 1_600)
    expect(wait.value).toBe(true)
  })

  it('takes nothing for quiet that it has not looked at a few times', async () => {
    const { wait, looks, clock } = setUp(() => [50], { quiet: 0 })
    await pass(clock, 200)
    expect(wait.value).toBe(true)
    expect(looks.length).toBeGreaterThanOrEqual(4)
  })

  it('is for each of the GPUs, and for none else', async () => {
    const { wait, clock } = setUp(time => [0, 95, time < 500 ? 10 : 95], { gpus: [1, 2] })
    await pass(clock, 400)
    expect(wait.value).toBeUndefined()
    await pass(clock, 500)
    expect(wait.value).toBe(true)
  })

  it.each([[[undefined]], [[]], [undefined]])('does not wait for what nobody knows: %j', async answer => {
    const { wait, looks, clock } = setUp(() => answer as undefined[])
    await pass(clock, 0)
    expect(wait.value).toBe(true)
    expect(looks).toHaveLength(1)
  })

  it('is given up when it is in vain', async () => {
    const { wait, clock, controller } = setUp(() => [10])
    await pass(clock, 100)
    controller.abort(new Error('enough'))
    await pass(clock, 0)
    expect(wait.error!.message).toBe('enough')
    expect(clock.pending).toBe(0)
  })
})
