import { beforeEach, describe, expect, test, vi } from 'vitest'
import { QueueFullError, QueueTimeoutError } from '../../../lib/errors.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { RequestChange } from '../../../lib/events.ts'
import { Admission } from '../../../lib/switcher/admission.ts'
import type { RequestDetails } from '../../../lib/switcher/admission.ts'
import type { Lease } from '../../../lib/switcher/lease.ts'
import { Slot } from '../../../lib/switcher/slot.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { model } from '../../helpers/switcher-rig.ts'

const onChange = vi.fn()
let clock: FakeClock
let changes: RequestChange[]
let admission: Admission
let slot: Slot

beforeEach(() => {
  clock = new FakeClock()
  const events = new LlmuxEvents()
  changes = []
  events.on('request', change => changes.push(change))
  onChange.mockReset()
  admission = new Admission({ clock, events, limits: { maxQueue: 3, maxQueueBytes: 100 }, onChange, onEnd: onChange, closed: () => undefined })
  slot = new Slot(model('a', { maxConcurrency: 2, queue: 1_000 }))
})

function ask (details: RequestDetails & { bytes?: number, obstacle?: Error } = {}) {
  const { bytes = 0, obstacle, ...rest } = details
  const asked: { lease?: Lease, error?: Error, leave: () => void } = { leave: () => {} }
  asked.leave = admission.request(slot, bytes, {
    granted: lease => { asked.lease = lease },
    refused: error => { asked.error = error }
  }, rest, obstacle)
  return asked
}

const awaken = () => { slot.awakeSince = clock.now() }

describe('a request', () => {
  test('for an awake model is granted at once', () => {
    awaken()
    const asked = ask()
    expect(asked.lease).toMatchObject({ model: 'a', since: clock.now() })
    expect(slot.leases).toEqual(new Set([asked.lease]))
    expect(changes).toEqual([{ id: expect.any(Number), time: clock.now(), model: 'a', from: 'arrived', to: 'granted', reason: 'the model is awake', duration: 0, input: 0 }])
    expect(changes[0]!.id).toBe(asked.lease!.id)
  })

  test('for an awake model needs no decision if nobody waits, and one if somebody does', () => {
    const other = new Slot(model('b'))
    awaken()
    ask()
    expect(onChange).not.toHaveBeenCalled()
    admission.request(other, 0, { granted: () => {}, refused: () => {} }, {})
    onChange.mockReset()
    ask()
    expect(onChange).toHaveBeenCalledOnce()
  })

  test('for a model that is not awake waits, and somebody has to decide', () => {
    const asked = ask({ bytes: 10 })
    expect(asked).toMatchObject({ leave: expect.any(Function) })
    expect(admission.room).toMatchObject({ size: 1, bytes: 10 })
    expect(onChange).toHaveBeenCalledOnce()
    expect(changes).toMatchObject([{ from: 'arrived', to: 'queued', reason: 'the model is not awake', duration: 0 }])
  })

  test('for a busy model waits', () => {
    awaken()
    ask()
    ask()
    expect(ask().lease).toBeUndefined()
    expect(changes.at(-1)).toMatchObject({ from: 'arrived', to: 'queued', reason: 'the model is busy' })
  })

  test('does not overtake waiting requests, even when there is room', () => {
    const first = ask()
    awaken()
    const second = ask()
    expect(second.lease).toBeUndefined()
    admission.admit(slot)
    expect(first.lease!.id).toBeLessThan(second.lease!.id)
  })

  test('is refused when too many wait', () => {
    for (let i = 0; i < 3; i++) ask()
    onChange.mockReset()
    const { error } = ask()
    expect(error).toBeInstanceOf(QueueFullError)
    expect(changes.at(-1)).toMatchObject({ from: 'arrived', to: 'refused', reason: error!.message, error, duration: 0 })
    expect(onChange).not.toHaveBeenCalled()
  })

  test('is refused when it is known that waiting is no use', () => {
    awaken()
    const obstacle = new Error('closing')
    const asked = ask({ obstacle })
    expect(asked.error).toBe(obstacle)
    expect(changes).toMatchObject([{ from: 'arrived', to: 'refused', reason: 'closing', error: obstacle }])
    asked.leave()
    expect(changes).toHaveLength(1)
  })

  test('that leaves the queue is gone from it, and the events say so', () => {
    const asked = ask({ bytes: 10 })
    clock.advance(40)
    onChange.mockReset()
    asked.leave()
    asked.leave()
    expect(admission.room).toMatchObject({ size: 0, bytes: 0 })
    expect(onChange).toHaveBeenCalledOnce()
    expect(changes.slice(1)).toMatchObject([{ from: 'queued', to: 'left', reason: 'the client has left', duration: 40 }])
    expect(changes[1]).not.toHaveProperty('error')
  })

  test('that waits too long is refused', () => {
    const asked = ask()
    clock.advance(1_000)
    expect(asked.error).toBeInstanceOf(QueueTimeoutError)
    expect(changes.slice(1)).toMatchObject([{ from: 'queued', to: 'refused', duration: 1_000, reason: asked.error!.message, error: asked.error }])
    expect(onChange).toHaveBeenCalledTimes(2)
    asked.leave()
    expect(changes).toHaveLength(2)
  })

  test('has a number of its own', () => {
    awaken()
    expect(ask().lease!.id).not.toBe(ask().lease!.id)
  })
})

describe('admit', () => {
  test('lets in the whole queue, oldest first, as far as the model takes it', () => {
    const asked = [ask(), ask(), ask()]
    clock.advance(30)
    awaken()
    admission.admit(slot)
    expect(asked.map(({ lease }) => lease !== undefined)).toEqual([true, true, false])
    expect(changes.slice(3)).toMatchObject([{ from: 'queued', to: 'granted', duration: 30 }, { from: 'queued', to: 'granted', duration: 30 }])
    expect(asked[0]!.lease!.since).toBe(clock.now())
    expect(admission.room.size).toBe(1)
  })

  test('rule 1: lets nobody in on a model that is not awake, or drains', () => {
    const asked = ask()
    admission.admit(slot)
    expect(asked.lease).toBeUndefined()
    awaken()
    slot.draining = true
    admission.admit(slot)
    expect(asked.lease).toBeUndefined()
  })
})

describe('a lease', () => {
  test.each(['released', 'cut', 'lost'] as const)('%s is counted out, and somebody has to decide', how => {
    awaken()
    const lease = ask().lease!
    clock.advance(70)
    const error = new Error('because')
    if (how === 'released') lease.release()
    else if (how === 'cut') lease.cut(error)
    else lease.lose(error)
    expect(slot.leases.size).toBe(0)
    expect(onChange).toHaveBeenCalledOnce()
    expect(changes.at(-1)).toEqual({
      id: lease.id, time: clock.now(), model: 'a', from: 'granted', to: how, duration: 70, output: 0, reason: how === 'released' ? 'done' : 'because', ...(how !== 'released' && { error })
    })
  })
})

describe('refuseAll', () => {
  test('tells everybody who waits for the model', () => {
    const asked = [ask(), ask()]
    const error = new Error('no')
    admission.refuseAll(slot, error)
    expect(asked.map(asked => asked.error)).toEqual([error, error])
    expect(admission.room.size).toBe(0)
  })

  test('hears a refused request that comes back at once', () => {
    const again: ReturnType<typeof ask>[] = []
    admission.request(slot, 0, { granted: () => {}, refused: () => again.push(ask()) }, {})
    admission.refuseAll(slot, new Error('no'))
    expect(again).toMatchObject([{ leave: expect.any(Function) }])
    expect(again[0]!.error).toBeUndefined()
    expect(admission.room.size).toBe(1)
  })
})

describe('a request that comes back because its engine died', () => {
  const comeback = (suspect: boolean, since = clock.now()) => ({ comeback: { since, suspect } })

  test('is not turned away because too many wait', () => {
    for (let i = 0; i < 3; i++) ask()
    expect(ask(comeback(false)).error).toBeUndefined()
    expect(admission.room.size).toBe(4)
  })

  test('comes before requests that arrived meanwhile', () => {
    slot.model.maxConcurrency = 1
    const fresh = ask()
    const back = ask(comeback(false))
    awaken()
    admission.admit(slot)
    expect(back.lease).toBeDefined()
    expect(fresh.lease).toBeUndefined()
  })

  test('keeps its limit', () => {
    const back = ask(comeback(false, clock.now() - 900))
    clock.advance(99)
    expect(back.error).toBeUndefined()
    clock.advance(1)
    expect(back.error).toBeInstanceOf(QueueTimeoutError)
  })

  test('too late is refused, and wakes nobody, but goes on where it need not wait', () => {
    const { error } = ask(comeback(false, clock.now() - 1_000))
    expect(error).toBeInstanceOf(QueueTimeoutError)
    expect(onChange).not.toHaveBeenCalled()
    expect(changes).toMatchObject([{ from: 'arrived', to: 'refused', error }])
    awaken()
    expect(ask(comeback(false, clock.now() - 1_000)).lease).toBeDefined()
  })

  test('has waited, for the events, since it came back', () => {
    ask(comeback(false, clock.now() - 500))
    clock.advance(20)
    awaken()
    admission.admit(slot)
    expect(changes).toMatchObject([{ to: 'queued', duration: 0 }, { from: 'queued', to: 'granted', duration: 20 }])
    expect(slot.queue.oldest).toBeUndefined()
  })

  test('and may have killed it is let in alone among its like, while others pass', () => {
    const suspects = [ask(comeback(true)), ask(comeback(true))]
    const fresh = ask()
    awaken()
    admission.admit(slot)
    expect(suspects.map(({ lease }) => lease !== undefined)).toEqual([true, false])
    expect(fresh.lease).toBeDefined()
    fresh.lease!.release()
    admission.admit(slot)
    expect(suspects[1]!.lease).toBeUndefined()
    suspects[0]!.lease!.release()
    admission.admit(slot)
    expect(suspects[1]!.lease).toBeDefined()
  })

  test('and may have killed it waits for its like also when it finds the model awake', () => {
    awaken()
    const first = ask(comeback(true))
    expect(first.lease).toBeDefined()
    const second = ask(comeback(true))
    expect(second.lease).toBeUndefined()
    second.leave()
    first.lease!.release()
    expect(ask(comeback(true)).lease).toBeDefined()
  })

  describe('for the second time', () => {
    const alone = () => ({ comeback: { since: clock.now(), suspect: true, alone: true } })

    test('is let in when nobody else is there, and nobody beside it until the engine\'s first byte', () => {
      const last = ask(alone())
      const other = ask(comeback(true))
      const fresh = ask()
      awaken()
      admission.admit(slot)
      expect([last, other, fresh].map(({ lease }) => lease !== undefined)).toEqual([true, false, false])
      const later = ask()
      expect(later.lease).toBeUndefined()
      onChange.mockReset()
      last.lease!.output = 10
      expect(onChange).toHaveBeenCalled()
      admission.admit(slot)
      expect([other, fresh].map(({ lease }) => lease !== undefined), 'but no second suspect').toEqual([false, true])
    })

    test('gets its turn among many others: none overtakes it', () => {
      awaken()
      const busy = ask()
      const last = ask(alone())
      const fresh = ask()
      admission.admit(slot)
      expect([last.lease, fresh.lease]).toEqual([undefined, undefined])
      busy.lease!.release()
      admission.admit(slot)
      expect(last.lease).toBeDefined()
      expect(fresh.lease).toBeUndefined()
      last.lease!.lose(new Error('it died again'))
      admission.admit(slot)
      expect(fresh.lease).toBeDefined()
    })

    test('is watched again when it was frozen before its first byte', () => {
      awaken()
      const last = ask(alone())
      admission.freeze(slot)
      clock.advance(10)
      admission.thaw(slot)
      onChange.mockReset()
      last.lease!.output = 1
      expect(onChange).toHaveBeenCalledOnce()
    })
  })

  test('and is innocent is let in beside a suspect', () => {
    awaken()
    ask(comeback(true))
    expect(ask(comeback(false)).lease).toBeDefined()
  })
})

test('a request that arrives when none waits needs no decision', () => {
  awaken()
  const released = ask()
  released.lease!.release()
  onChange.mockReset()
  ask()
  expect(onChange).not.toHaveBeenCalled()
})
