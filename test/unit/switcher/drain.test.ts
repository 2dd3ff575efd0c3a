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

beforeEach(() => {
  clock = new FakeClock()
  drain = new Drain(clock)
  slot = new Slot(model('a', { drain: 1_000 }))
  slot.awakeSince = clock.now()
})

function lease (): Lease {
  const lease = new Lease(1, slot.id, clock.now(), ended => { slot.leases.delete(ended) })
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
      expect(error!.message).toBe('the request was cut: model `a` had to go, and 1000 ms were not enough to finish')
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
