import { beforeEach, describe, expect, test, vi } from 'vitest'
import { QueueFullError, QueueTimeoutError } from '../../../lib/errors.ts'
import { Slot } from '../../../lib/switcher/slot.ts'
import { WaitingRoom } from '../../../lib/switcher/waiting-room.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { model } from '../../helpers/switcher-rig.ts'

let clock: FakeClock
let room: WaitingRoom
let slot: Slot

beforeEach(() => {
  clock = new FakeClock()
  room = new WaitingRoom({ maxQueue: 2, maxQueueBytes: 100 }, clock)
  slot = new Slot(model('a', { queue: 1_000 }))
})

function enter (bytes: number, onTimeout: (...args: any[]) => void = () => {}, since = clock.now()) {
  return room.enter(slot, { id: 1, bytes, since, priority: 0, mayCauseSwitch: true, comeback: undefined, granted: () => {}, refused: () => {} }, onTimeout)
}

describe('a waiting room', () => {
  test('counts who comes and who leaves', () => {
    const first = enter(30)
    enter(20)
    expect(room).toMatchObject({ size: 2, bytes: 50 })
    expect(room.leave(slot, first)).toBe(true)
    expect(room).toMatchObject({ size: 1, bytes: 20 })
    expect(slot.queue.size).toBe(1)
  })

  test('counts nobody out twice', () => {
    const waiter = enter(30)
    enter(20)
    room.leave(slot, waiter)
    expect(room.leave(slot, waiter)).toBe(false)
    expect(room).toMatchObject({ size: 1, bytes: 20 })
  })

  test('is full at its number of requests', () => {
    enter(0)
    expect(room.full(slot, 0)).toBeUndefined()
    const waiter = enter(0)
    expect(room.full(slot, 0)).toBeInstanceOf(QueueFullError)
    expect(room.full(slot, 0)!.message).toBe('too many requests are waiting (2 requests at most)')
    room.leave(slot, waiter)
    expect(room.full(slot, 0)).toBeUndefined()
  })

  test('is full at its number of bytes', () => {
    enter(60)
    expect(room.full(slot, 40)).toBeUndefined()
    expect(room.full(slot, 41)).toBeInstanceOf(QueueFullError)
    expect(room.full(slot, 41)!.message).toBe('too many requests are waiting (100 bytes of bodies at most)')
  })

  test('counts all models together', () => {
    enter(60)
    const other = new Slot(model('b'))
    room.enter(other, { id: 2, bytes: 0, since: clock.now(), priority: 0, mayCauseSwitch: true, comeback: undefined, granted: () => {}, refused: () => {} }, () => {})
    expect(room.full(slot, 0)).toBeInstanceOf(QueueFullError)
  })

  test('is full for one model at that model\'s own number, however many may wait in all', () => {
    const [few, none] = [new Slot(model('few', { maxQueue: 1 })), new Slot(model('none', { maxQueue: 0 }))]
    expect(room.full(few, 0)).toBeUndefined()
    const waiter = room.enter(few, { id: 3, bytes: 0, since: clock.now(), priority: 0, mayCauseSwitch: true, comeback: undefined, granted: () => {}, refused: () => {} }, () => {})
    expect(room.full(few, 0)).toBeInstanceOf(QueueFullError)
    expect(room.full(few, 0)!.message).toBe('too many requests are waiting (1 requests for model `few` at most)')
    expect(room.full(none, 0)).toBeInstanceOf(QueueFullError)
    expect(room.full(slot, 0)).toBeUndefined()
    room.leave(few, waiter)
    expect(room.full(few, 0)).toBeUndefined()
  })

  test('rule 9: refuses a request after the model’s limit, and not before', () => {
    const onTimeout = vi.fn()
    const waiter = enter(10, onTimeout)
    clock.advance(999)
    expect(onTimeout).not.toHaveBeenCalled()
    clock.advance(1)
    expect(onTimeout).toHaveBeenCalledExactlyOnceWith(waiter, expect.any(QueueTimeoutError))
    expect(onTimeout.mock.lastCall![1].message).toBe('the request for model `a` waited longer than 1000 ms')
  })

  test('counts the time from when the request first came', () => {
    const onTimeout = vi.fn()
    enter(10, onTimeout, clock.now() - 400)
    clock.advance(599)
    expect(onTimeout).not.toHaveBeenCalled()
    clock.advance(1)
    expect(onTimeout).toHaveBeenCalledOnce()
  })

  test('knows whose time is over before it begins', () => {
    expect(room.late(slot, clock.now() - 999, true)).toBeUndefined()
    expect(room.late(slot, clock.now() - 1_000, true)).toBeInstanceOf(QueueTimeoutError)
    expect(room.late(slot, clock.now() - 1_000, true)!.message).toBe('the request for model `a` waited longer than 1000 ms')
  })

  test('keeps no timer for requests that left', () => {
    const onTimeout = vi.fn()
    room.leave(slot, enter(10, onTimeout))
    expect(clock.pending).toBe(0)
    clock.advance(2_000)
    expect(onTimeout).not.toHaveBeenCalled()
  })
})
