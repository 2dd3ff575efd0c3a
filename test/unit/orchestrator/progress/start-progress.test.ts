import { describe, expect, test } from 'vitest'
import type { StartProgress } from '../../../../lib/events.ts'
import { ProcessDiedError } from '../../../../lib/errors.ts'
import { makeModel, outcome, pass, setUp, settle } from '../helper.ts'

const shards = (done: number) => `Loading safetensors checkpoint shards: ${done * 25}% Completed | ${done}/4 [00:00<00:00]`

/** An engine that writes what the test says, and is healthy when the test says so. */
function rig () {
  const setup = setUp([makeModel('a')])
  const { driver, clock, orchestrator, events } = setup
  const told: StartProgress[] = []
  events.on('progress', progress => told.push(progress))
  let healthy = false
  driver.does.probe = async () => healthy
  /** A start in which the engine writes each text so many milliseconds after its spawn. */
  async function start (texts: Array<[at: number, text: string]>, took: number, request?: string) {
    healthy = false
    const done = outcome(orchestrator.wake('a', { request }))
    await settle()
    let now = 0
    for (const [at, text] of texts) {
      await pass(clock, at - now)
      now = at
      driver.write(text)
    }
    await pass(clock, took - now)
    healthy = true
    await pass(clock, 100)
    expect(done.value).toBe(true)
  }
  const progress = () => orchestrator.snapshot('a').progress
  return { ...setup, told, start, progress, stages: () => told.splice(0).map(({ stage, done }) => done === undefined ? stage : `${stage} ${done}`) }
}

const usual: Array<[number, string]> = [
  [1_000, 'Initializing a V1 LLM engine'], [2_000, 'Starting to load model a'], [2_100, shards(0)], [6_000, shards(2)], [10_000, 'Model loading took 1 GiB'],
  [15_000, 'GPU KV cache size: 1 tokens'], [16_000, 'Capturing CUDA graphs: 50%| | 1/2 [00:00<00:00]'], [18_000, 'Starting vLLM server on http']
]

describe('the progress of a start', () => {
  test('is told stage by stage, with shards and graphs as far as they are done', async () => {
    const { start, stages } = rig()
    await start(usual, 20_000)
    expect(stages()).toEqual(['launching', 'initializing', 'loading', 'loading 0', 'loading 2', 'compiling', 'profiling', 'capturing 1', 'listening'])
  })

  test('names the request that the start is for', async () => {
    const { start, told } = rig()
    await start(usual.slice(0, 2), 3_000, 'req-9')
    expect(told.map(({ request }) => request)).toEqual(['req-9', 'req-9', 'req-9'])
  })

  test('does not go back, does not say the same thing twice, and is silent on what it does not know', async () => {
    const { start, stages } = rig()
    await start([[10, shards(1)], [20, shards(1)], [30, 'Starting to load model a'], [40, 'banana'], [50, 'GPU KV cache size: 1'], [60, shards(2)], [70, 'GPU KV cache size: 2']], 100)
    expect(stages()).toEqual(['launching', 'loading 1', 'profiling'])
  })

  test('has no estimate before there was a start', async () => {
    const { start, told } = rig()
    await start(usual, 20_000)
    expect(told.every(({ remaining }) => remaining === undefined)).toBe(true)
  })

  test('is estimated from the last start that succeeded, between two shards too', async () => {
    const { start, told, orchestrator } = rig()
    await start(usual, 20_000)
    const total = 20_000
    await orchestrator.stop('a')
    told.length = 0
    await start(usual, 25_000)
    const remaining = told.map(({ remaining }) => Math.round(remaining! / 1_000))
    // Launching 0, initializing 1, loading 2, no shard 2, half of loading (2 to 10 s) 6, compiling 10, profiling 15, half of capturing (16 to 18 s) 17, listening 18.
    expect(remaining).toEqual([0, 1, 2, 2, 6, 10, 15, 17, 18].map(at => total / 1_000 - at))
  })

  test('is not estimated from one that failed', async () => {
    const { start, told, orchestrator, driver, clock } = rig()
    const failing = outcome(orchestrator.wake('a'))
    await pass(clock, 50)
    driver.process.vanish()
    await pass(clock, 2_000)
    expect(failing.error).toBeInstanceOf(ProcessDiedError)
    told.length = 0
    await start(usual, 20_000)
    expect(told.length).toBeGreaterThan(0)
    expect(told.every(({ remaining }) => remaining === undefined)).toBe(true)
  })
})

describe('in the status', () => {
  test('it is as of now, while the start lasts, and what is left does not fall below nothing', async () => {
    const { start, progress, orchestrator, clock, driver } = rig()
    expect(progress()).toBeUndefined()
    await start(usual, 20_000)
    expect(progress()).toBeUndefined()
    await orchestrator.stop('a')
    driver.does.probe = async () => false
    const wake = outcome(orchestrator.wake('a'))
    await pass(clock, 6_000)
    driver.write(shards(2))
    await pass(clock, 1_000)
    const { stage, done, total, elapsed, remaining } = progress()!
    expect({ stage, done, total }).toEqual({ stage: 'loading', done: 2, total: 4 })
    expect(elapsed).toBeCloseTo(7_000, -2)
    expect(remaining).toBeCloseTo(13_000, -2.5)
    await pass(clock, 100_000)
    expect(progress()!.remaining).toBe(0)
    driver.process.vanish()
    await pass(clock, 1_000)
    expect(wake.value).toBe('LLMUX_ERR_PROCESS_DIED')
    expect(progress(), 'over, if in vain').toBeUndefined()
  })

  test('what an engine writes later is no progress', async () => {
    const { start, progress, driver, told } = rig()
    await start(usual, 20_000)
    told.length = 0
    driver.write(shards(1))
    expect(told).toEqual([])
    expect(progress()).toBeUndefined()
  })
})
