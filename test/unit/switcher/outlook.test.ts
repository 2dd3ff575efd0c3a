import { describe, expect, test } from 'vitest'
import type { Waiter } from '../../../lib/switcher/queue.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

// What is taken for true until it has been measured.
const arrival = 10_000
const request = 4_000

/** A request that has to wait; fails if it does not. */
function queue (rig: Rig, id: string): { waiter: Waiter, leave: () => void } {
  const told: Waiter[] = []
  const leave = rig.switcher.request(id, 0, { granted: () => {}, refused: () => {}, waiting: waiter => { told.push(waiter) } })
  expect(told).toHaveLength(1)
  return { waiter: told[0]!, leave }
}

/** Makes a model awake without teaching anybody how long its requests take. */
function wake (rig: Rig, id: string): void {
  rig.switchTo(id)
  rig.engines.completeAll()
}

describe('the place of one who waits', () => {
  test('1 is next, counted for its own model', () => {
    const rig = new Rig()
    const waiters = ['a', 'b', 'a', 'b', 'a'].map(id => ({ id, ...queue(rig, id) }))
    const places = () => waiters.map(({ id, waiter }) => rig.switcher.outlook(id, waiter)?.position)
    expect(places()).toEqual([1, 1, 2, 2, 3])
    expect(rig.switcher.outlook('a')?.position, 'of one who would come now').toBe(4)
    waiters[0]!.leave()
    expect(places()).toEqual([undefined, 1, 1, 2, 2])
  })

  test('a request that comes back because its engine died is before later ones', () => {
    const rig = new Rig()
    const { waiter } = queue(rig, 'a')
    const back: Waiter[] = []
    rig.switcher.request('a', 0, { granted: () => {}, refused: () => {}, waiting: waiter => { back.push(waiter) } }, { comeback: { since: rig.clock.now(), suspect: false } })
    expect(rig.switcher.outlook('a', back[0])?.position).toBe(1)
    expect(rig.switcher.outlook('a', waiter)?.position).toBe(2)
  })

  test('who is let in at once, or refused, is not told that it waits', () => {
    const rig = new Rig({ limits: { maxQueue: 0 } })
    const told: string[] = []
    const ask = (id: string) => rig.switcher.request(id, 0, { granted: () => told.push('granted'), refused: () => told.push('refused'), waiting: () => told.push('waiting') })
    const order = rig.switchTo('a')
    rig.engines.completeAll()
    expect(order.answers).toEqual(['done'])
    ask('a')
    ask('b')
    expect(told).toEqual(['granted', 'refused'])
  })
})

describe('what one who waits has to expect', () => {
  const seconds = (rig: Rig, id: string, waiter?: Waiter) => rig.switcher.outlook(id, waiter)?.wait

  test('it comes down as the switch goes on, phase by phase', () => {
    const rig = new Rig()
    wake(rig, 'a')
    const stream = rig.ask('a')
    const { waiter } = queue(rig, 'b')
    expect(seconds(rig, 'b', waiter), 'before it is clear that b can start, a is not drained').toBe(request + arrival)
    rig.engines.complete('prepare')
    rig.clock.advance(1_000)
    expect(seconds(rig, 'b', waiter)).toBe(request - 1_000 + arrival)
    stream.lease!.release()
    expect(seconds(rig, 'b', waiter)).toBe(arrival)
    rig.clock.advance(1_000)
    rig.engines.complete('sleep')
    rig.clock.advance(5_000)
    expect(seconds(rig, 'b', waiter)).toBe(arrival - 6_000)
    rig.engines.complete('wake')
    expect(seconds(rig, 'b', waiter), 'it is let in').toBe(undefined)
  })

  test('models whose waiters came first have their turn first', () => {
    const rig = new Rig()
    queue(rig, 'a')
    rig.clock.advance(1)
    queue(rig, 'b')
    rig.clock.advance(1)
    const { waiter } = queue(rig, 'c')
    rig.clock.advance(8)
    const turn = request + arrival
    expect(seconds(rig, 'a')).toBe(arrival - 10)
    expect(seconds(rig, 'b')).toBe(arrival - 10 + turn)
    expect(seconds(rig, 'c', waiter)).toBe(arrival - 10 + turn + turn)
  })

  test('a model that is awake but full costs no switch', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 2 }, b: {} } })
    wake(rig, 'a')
    rig.ask('a')
    rig.ask('a')
    const { waiter } = queue(rig, 'a')
    expect(seconds(rig, 'a', waiter)).toBe(request / 2)
  })

  test('a model that has to go with waiters of its own waits for its next turn', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
    wake(rig, 'a')
    rig.ask('a')
    queue(rig, 'b')
    rig.clock.advance(1)
    rig.engines.complete('prepare')
    const { waiter } = queue(rig, 'a')
    expect(seconds(rig, 'a', waiter)).toBe(request - 1 + arrival + request + arrival)
  })

  test('who lives on other GPUs, or fits beside, is in nobody’s way', () => {
    const rig = new Rig({ models: { a: { gpus: [1] }, b: { gpuShare: 0.5 }, c: { gpuShare: 0.5 }, d: {} } })
    wake(rig, 'a')
    wake(rig, 'b')
    rig.ask('b')
    const { waiter } = queue(rig, 'c')
    expect(seconds(rig, 'c', waiter)).toBe(arrival)
    rig.engines.completeAll()
    rig.clock.advance(1_000)
    expect(seconds(rig, 'd'), 'but who needs the whole GPU has to wait for both').toBe(request - 1_000 + arrival)
  })

  test('what has been measured counts: starts and wakes each for themselves', () => {
    const rig = new Rig({ models: { a: {}, b: {}, c: {} } })
    const spend = (milliseconds: number, operation: 'sleep' | 'wake') => {
      rig.clock.advance(milliseconds)
      rig.engines.complete(operation)
    }
    wake(rig, 'a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare')
    spend(300, 'sleep')
    spend(700, 'wake')
    rig.clock.advance(50)
    asked.lease!.release()
    expect(rig.switcher.outlook('a')?.wait, 'a has never been woken').toBe(arrival)
    wake(rig, 'c')
    expect(rig.switcher.outlook('b')?.wait, 'what b took the last time').toBe(1_000)
    rig.engines.stopped.add('b')
    expect(rig.switcher.outlook('b')?.wait, 'but it would have to be started').toBe(arrival)
    rig.engines.stopped.delete('b')
    rig.ask('c')
    expect(rig.switcher.outlook('b')?.wait, 'whose requests are known, and those of c are not').toBe(request + 1_000)
  })
})
