import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PassiveTimeoutError } from '../../../lib/errors.ts'
import { turn } from '../../../lib/switcher/queue.ts'
import { property } from '../../helpers/property.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

describe('priorities', () => {
  const full = () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
    rig.awaken('a')
    return { rig, first: rig.ask('a') }
  }

  test('a higher one goes first, those of one level in the order in which they came', () => {
    const { rig, first } = full()
    const order: string[] = []
    const ask = (name: string, priority?: number) => rig.ask('a', { ...(priority !== undefined && { priority }), onAnswer: ({ lease }) => { order.push(name); lease!.release() } })
    ask('plain')
    ask('low', -1)
    ask('high', 2)
    ask('high too', 2)
    ask('plain too')
    first.lease!.release()
    expect(order).toEqual(['high', 'high too', 'plain', 'plain too', 'low'])
  })

  test('each step counts as 5 s of waiting, and no more: nobody starves', () => {
    const { rig, first } = full()
    const order: string[] = []
    const ask = (name: string, priority: number) => rig.ask('a', { priority, onAnswer: ({ lease }) => { order.push(name); lease!.release() } })
    ask('low', -5)
    rig.clock.advance(49_999)
    ask('in time', 5)
    rig.clock.advance(2)
    ask('too late', 5)
    first.lease!.release()
    expect(order).toEqual(['in time', 'low', 'too late'])
  })

  test.each([[99, 5], [-99, -5], [1.4, 1], [NaN, 0], [Infinity, 5]])('%d counts as %d', (priority, level) => {
    const { rig } = full()
    rig.ask('a', { priority })
    expect([...rig.view('a').queue]).toEqual([{ since: rig.clock.now(), priority: level }])
    expect(rig.view('a').oldest).toBe(rig.clock.now() - level * 5_000)
    expect(rig.view('a').age).toBe(level * 5_000)
  })

  test('after any arrivals and departures, ages cover all waiting requests and the oldest is the oldest', () => {
    fc.assert(fc.property(fc.array(fc.record({ priority: fc.integer({ min: -5, max: 5 }), pause: fc.nat(9_000), leaves: fc.option(fc.nat(30), { nil: undefined }) }), { maxLength: 40 }), steps => {
      const { rig } = full()
      const asked = []
      for (const { priority, pause, leaves } of steps) {
        asked.push(rig.ask('a', { priority }))
        rig.clock.advance(pause + 0.1)
        if (leaves !== undefined) asked[leaves]?.leave()
      }
      const view = rig.view('a')
      const turns = [...view.queue].map(turn)
      expect(view.waiting).toBe(turns.length)
      expect(view.oldest).toBe(turns.length === 0 ? undefined : Math.min(...turns))
      expect(view.age).toBeCloseTo(turns.reduce((sum, time) => sum + rig.clock.now() - time, 0), 3)
    }), property(100))
  })
})

describe('a request that may not cause a switch', () => {
  const setUp = () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: { passive: 30_000 } }, durations: { prepare: 0, sleep: 10, wake: 10 } })
    const running = rig.ask('a')
    rig.clock.advance(10)
    return { rig, running }
  }

  test('wakes nobody, and is refused when its time is over, with a code of its own', () => {
    const { rig, running } = setUp()
    const asked = rig.ask('b', { mayCauseSwitch: false })
    expect(rig.view('b')).toMatchObject({ waiting: 0, passive: 1, oldest: undefined, arrivalRate: 0 })
    expect(rig.switcher.stalled(running.lease!), 'nobody whom a lease of a is in the way of').toBe(false)
    rig.clock.advance(29_999)
    expect(asked.waiting).toBe(true)
    rig.clock.advance(1)
    expect(asked.error).toBeInstanceOf(PassiveTimeoutError)
    expect(asked.error).toMatchObject({ code: 'LLMUX_ERR_PASSIVE_TIMEOUT', statusCode: 504 })
    expect(rig.awake).toEqual(['a'])
    expect(rig.view('b').passive).toBe(0)
  })

  test('is served when somebody else has woken its model', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.awaken('a')
    const passive = rig.ask('b', { mayCauseSwitch: false })
    const active = rig.ask('b')
    rig.engines.completeAll()
    expect([passive.answers, active.answers]).toEqual([['granted'], ['granted']])
  })

  test('is served at once while its model is awake', () => {
    const rig = new Rig()
    rig.awaken('a')
    expect(rig.ask('a', { mayCauseSwitch: false }).answers).toEqual(['granted'])
  })

  test('lets all others go before it', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 } } })
    rig.awaken('a')
    const running = rig.ask('a')
    const passive = rig.ask('a', { mayCauseSwitch: false })
    const active = rig.ask('a')
    running.lease!.release()
    expect([passive.waiting, active.waiting]).toEqual([true, false])
    active.lease!.release()
    expect(passive.waiting).toBe(false)
  })

  test('does not keep up a drain that nobody else wants any more', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const active = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    rig.ask('b', { mayCauseSwitch: false })
    active.leave()
    running.lease!.release()
    expect(rig.phases.at(-1)).toBe('b: draining → idle')
    expect(rig.awake).toEqual(['a'])
  })

  test('counts towards the length of the queue', () => {
    const rig = new Rig({ limits: { maxQueue: 1 } })
    rig.ask('a', { mayCauseSwitch: false })
    expect(rig.ask('b').error).toMatchObject({ code: 'LLMUX_ERR_QUEUE_FULL' })
  })
})
