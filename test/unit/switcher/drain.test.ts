import { beforeEach, describe, expect, test } from 'vitest'
import { DrainTimeoutError } from '../../../lib/errors.ts'
import { Drain, cutLeases } from '../../../lib/switcher/drain.ts'
import { Lease } from '../../../lib/switcher/lease.ts'
import { Slot } from '../../../lib/switcher/slot.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { model } from '../../helpers/switcher-rig.ts'

let clock: FakeClock
let drain: Drain
let slot: Slot
let freezes: boolean
/** Times somebody need not be waited for any longer. */
let due: number

beforeEach(() => {
  clock = new FakeClock()
  freezes = false
  due = 0
  drain = new Drain({ clock, freezes: () => freezes, onFreezing: () => { due++ } })
  slot = new Slot(model('a', { drain: 1_000 }))
  slot.awakeSince = clock.now()
})

function lease (freezable?: boolean): Lease {
  const lease = new Lease({ id: 1, model: slot.id, since: clock.now(), freezable, onEnd: ended => { slot.leases.delete(ended) } })
  slot.leases.add(lease)
  return lease
}

describe('a drain', () => {
  test('lets nobody new in, and nobody out before the limit', () => {
    const running = lease()
    drain.start(slot)
    expect(slot.admits).toBe(false)
    clock.advance(999)
    expect(running.ended).toBe(false)
  })

  test('rule 9: cuts all that are left at the limit, with an error of its own', () => {
    const running = [lease(), lease()]
    drain.start(slot)
    clock.advance(1_000)
    for (const { error } of running) {
      expect(error).toBeInstanceOf(DrainTimeoutError)
      expect(error!.message).toBe('the request was cut: model `a` had to make room for another model, and 1000 ms were not enough to finish')
    }
    expect(slot.leases.size).toBe(0)
  })

  test('that is stopped lets requests in again, and cuts nobody', () => {
    const running = lease()
    drain.start(slot)
    drain.stop(slot)
    expect(slot.admits).toBe(true)
    expect(clock.pending).toBe(0)
    clock.advance(5_000)
    expect(running.ended).toBe(false)
  })

  test('that is started again meanwhile keeps its limit', () => {
    const running = lease()
    drain.start(slot)
    clock.advance(600)
    drain.start(slot)
    expect(clock.pending).toBe(1)
    clock.advance(400)
    expect(running.ended).toBe(true)
  })

  test('that is started anew after it was stopped has all its time', () => {
    const running = lease()
    drain.start(slot)
    clock.advance(600)
    drain.stop(slot)
    drain.start(slot)
    clock.advance(999)
    expect(running.ended).toBe(false)
    clock.advance(1)
    expect(running.ended).toBe(true)
  })

  test('of one model is none of another\'s', () => {
    const other = new Slot(model('b'))
    drain.start(slot)
    drain.start(other)
    drain.stop(slot)
    expect(other.draining).toBe(true)
    expect(clock.pending).toBe(1)
  })

  test('that never began can be stopped', () => {
    drain.stop(slot)
    expect(slot.draining).toBe(false)
  })
})

test('cutLeases takes all leases there are, with one error', () => {
  const running = [lease(), lease(), lease()]
  const error = new Error('closing')
  cutLeases(slot, error)
  expect(running.every(lease => lease.error === error)).toBe(true)
})

describe('a drain of a model that can be frozen', () => {
  beforeEach(() => { freezes = true })

  test('is over at once if that is when to freeze', () => {
    lease()
    drain.start(slot, clock.now())
    expect([drain.over(slot), slot.freezing]).toEqual([true, true])
  })

  test('is over at the time given, and says so', () => {
    lease()
    drain.start(slot, clock.now() + 300)
    clock.advance(299)
    expect([drain.over(slot), due]).toEqual([false, 0])
    clock.advance(1)
    expect([drain.over(slot), due]).toEqual([true, 1])
  })

  test('is over at the limit otherwise, and nobody is cut', () => {
    const running = lease()
    drain.start(slot)
    clock.advance(1_000)
    expect([drain.over(slot), running.ended, due]).toEqual([true, false, 1])
  })

  test('waits for requests that must not be frozen, and cuts only these', () => {
    const [running, other] = [lease(), lease(false)]
    drain.start(slot, clock.now())
    expect(drain.over(slot)).toBe(false)
    clock.advance(1_000)
    expect([running.ended, other.ended, drain.over(slot)]).toEqual([false, true, true])
  })

  test('need not wait for a client that does not read', () => {
    slot.stalled.add(lease())
    drain.start(slot)
    expect(drain.over(slot)).toBe(true)
    freezes = false
    expect(drain.over(slot), 'unless nothing can be frozen').toBe(false)
  })

  test('that is stopped freezes nobody later', () => {
    lease()
    drain.start(slot, clock.now() + 300)
    drain.stop(slot)
    clock.advance(1_000)
    expect([slot.freezing, due, clock.pending]).toEqual([false, 0, 0])
  })
})
