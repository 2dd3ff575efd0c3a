import { beforeEach, describe, expect, test, vi } from 'vitest'
import { DrainTimeoutError, StopError, WakeError } from '../../../lib/errors.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { TransitionChange } from '../../../lib/events.ts'
import { Lease } from '../../../lib/switcher/lease.ts'
import { Slot } from '../../../lib/switcher/slot.ts'
import { Transition } from '../../../lib/switcher/transition.ts'
import type { Plan } from '../../../lib/switcher/plan.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeEngines } from '../../helpers/fake-engines.ts'
import { model } from '../../helpers/switcher-rig.ts'

const onDraining = vi.fn()
const onEnd = vi.fn()
const obstacle = vi.fn<(slot: Slot) => Error | undefined>()
const freezes = vi.fn<(slot: Slot) => boolean>()
const freeze = vi.fn<(slot: Slot) => void>()
let clock: FakeClock
let engines: FakeEngines
let changes: TransitionChange[]
let a: Slot, b: Slot, c: Slot

beforeEach(() => {
  for (const mock of [onDraining, onEnd, obstacle, freezes, freeze]) mock.mockReset()
  clock = new FakeClock()
  engines = new FakeEngines({ clock })
  changes = []
  a = new Slot(model('a', { drain: 1_000 }))
  b = new Slot(model('b'))
  c = new Slot(model('c'))
  a.awakeSince = clock.now()
})

function begin (plan: Partial<Plan> = {}): Transition {
  const events = new LlmuxEvents()
  events.on('transition', change => changes.push(change))
  const transition = new Transition({ wake: b, evict: [a], reason: 'test', unconditional: true, ...plan }, { engines, clock, events, decision: () => 1, obstacle, freezes, freeze, onDraining, onEnd })
  transition.start()
  return transition
}

const phases = () => changes.map(({ from, to }) => `${from} → ${to}`)

function hold (slot: Slot): Lease {
  const lease = new Lease({ id: 1, model: slot.id, since: clock.now(), onEnd: lease => { slot.leases.delete(lease) } })
  slot.leases.add(lease)
  return lease
}

const enqueue = (slot: Slot) => slot.queue.add({ id: 1, since: 0, queued: 0, bytes: 0, priority: 0, mayCauseSwitch: true, timer: undefined, comeback: undefined, granted: () => {}, refused: () => {} })

describe('a transition', () => {
  test('checks, drains, puts to sleep, wakes, and tells how long each took', () => {
    const begun = clock.now()
    const transition = begin()
    const lease = hold(a)
    expect(transition).toMatchObject({ phase: 'checking', open: true, drained: false })
    expect(a.draining).toBe(false)
    clock.advance(1)
    engines.complete('prepare', 'b')
    expect(transition).toMatchObject({ phase: 'draining', open: true, drained: false })
    expect(a.draining).toBe(true)
    expect(onDraining).toHaveBeenCalledOnce()
    clock.advance(20)
    lease.release()
    expect(transition.drained).toBe(true)
    transition.commit()
    expect(transition).toMatchObject({ phase: 'evicting', open: false, drained: false })
    expect(a).toMatchObject({ awake: false, draining: false })
    clock.advance(300)
    engines.complete('sleep', 'a')
    expect(transition).toMatchObject({ phase: 'waking', open: false })
    clock.advance(4_000)
    engines.complete('wake', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, true)
    expect(clock.pending).toBe(0)
    const common = { model: 'b', wake: 'b', reason: 'test', evict: ['a'] }
    expect(changes).toEqual([
      { ...common, time: begun, from: 'idle', to: 'checking', duration: 0, phases: {} },
      { ...common, time: begun + 1, from: 'checking', to: 'draining', duration: 1, phases: { checking: 1 } },
      { ...common, time: begun + 21, from: 'draining', to: 'evicting', duration: 20, phases: { checking: 1, draining: 20 } },
      { ...common, time: begun + 321, from: 'evicting', to: 'waking', duration: 300, phases: { checking: 1, draining: 20, evicting: 300 } },
      { ...common, time: begun + 4_321, from: 'waking', to: 'idle', outcome: 'done', duration: 4_000, phases: { checking: 1, draining: 20, evicting: 300, waking: 4_000 } }
    ])
  })

  test('with nobody to go checks nothing', () => {
    const transition = begin({ evict: [] })
    transition.commit()
    expect(engines.pending).toEqual(['wake b'])
  })

  test('with nobody to wake is about who goes', () => {
    const transition = begin({ wake: undefined, level: 2 })
    expect(changes[0]).toMatchObject({ model: 'a', from: 'idle', to: 'draining', evict: ['a'] })
    transition.commit()
    expect(engines.history).toEqual(['sleep a 2'])
    engines.completeAll()
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, false)
  })

  test('puts several to sleep one after the other', () => {
    c.awakeSince = clock.now()
    const transition = begin({ evict: [a, c] })
    engines.complete('prepare', 'b')
    transition.commit()
    expect(engines.pending).toEqual(['sleep a'])
    expect(c).toMatchObject({ awake: true, draining: true })
    engines.complete('sleep', 'a')
    expect(engines.pending).toEqual(['sleep c'])
    engines.complete('sleep', 'c')
    expect(engines.pending).toEqual(['wake b'])
    expect(transition.evicted).toEqual([a, c])
  })

  test('remembers models that it put to sleep, not models that had died before', () => {
    c.awakeSince = clock.now()
    const transition = begin({ evict: [a, c] })
    engines.complete('prepare', 'b')
    a.awakeSince = undefined
    transition.commit()
    engines.completeAll()
    expect(transition.evicted).toEqual([c])
  })

  test('says what it is about', () => {
    const transition = begin()
    expect(transition.status()).toEqual({ phase: 'checking', since: clock.now(), wake: 'b', evict: ['a'], reason: 'test' })
    expect(transition.slots).toEqual([b, a])
    expect(begin({ wake: undefined }).slots).toEqual([a])
    expect(begin({ wake: undefined }).status().wake).toBeUndefined()
    const elsewhere = new Slot(model('d', { gpus: [1] }))
    expect(transition.touches(c)).toBe(true)
    expect(transition.touches(elsewhere)).toBe(false)
  })

  test('knows whether a plan is its own', () => {
    const transition = begin({ evict: [a, c] })
    const plan: Plan = { wake: b, evict: [c, a], reason: 'other', unconditional: false }
    expect(transition.follows(plan)).toBe(true)
    expect(transition.follows({ ...plan, wake: undefined })).toBe(false)
    expect(transition.follows({ ...plan, evict: [a] })).toBe(false)
    expect(transition.follows({ ...plan, evict: [a, new Slot(model('d'))] })).toBe(false)
  })
})

describe('a transition comes to an early end', () => {
  test('when the model cannot be started', () => {
    begin()
    const error = new Error('no such command')
    engines.complete('prepare', 'b', error)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
    expect(changes.at(-1)).toMatchObject({ from: 'checking', to: 'idle', error })
    expect(onDraining).not.toHaveBeenCalled()
  })

  test('when it is undone while it checks: the outcome of the check does not matter any more', () => {
    const transition = begin()
    transition.undo('never mind')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, false)
    engines.complete('prepare', 'b')
    expect(onEnd).toHaveBeenCalledOnce()
    expect(phases()).toEqual(['idle → checking', 'checking → idle'])
    expect(changes[1]).toMatchObject({ reason: 'never mind' })
    expect(changes[1]).not.toHaveProperty('error')
  })

  test('when it is undone while it drains: requests are let in again', () => {
    const transition = begin()
    hold(a)
    engines.complete('prepare', 'b')
    transition.undo('never mind')
    expect(a).toMatchObject({ draining: false, admits: true })
    expect(clock.pending).toBe(0)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, false)
  })

  test('when it is known to fail: the outcome of the check does not matter any more', () => {
    const transition = begin()
    const error = new Error('blocked')
    transition.fail(error)
    engines.complete('prepare', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
  })

  test('when a model does not go: none wakes, and models that have not gone yet stay', () => {
    c.awakeSince = clock.now()
    const transition = begin({ evict: [a, c] })
    engines.complete('prepare', 'b')
    transition.commit()
    const error = new StopError('a', 'still there')
    engines.complete('sleep', 'a', error)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
    expect(engines.pending).toEqual([])
    expect(c).toMatchObject({ awake: true, draining: false })
    expect(a.awake).toBe(false)
    expect(clock.pending).toBe(0)
  })

  test('when something has got in the way of the model meanwhile', () => {
    const transition = begin()
    engines.complete('prepare', 'b')
    transition.commit()
    const error = new Error('blocked')
    obstacle.mockImplementation(slot => slot === b ? error : undefined)
    engines.complete('sleep', 'a')
    expect(engines.pending).toEqual([])
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
  })

  test('when the model does not wake', () => {
    const transition = begin({ evict: [] })
    transition.commit()
    const error = new WakeError('b', 'no memory')
    engines.complete('wake', 'b', error)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
    expect(changes.at(-1)).toMatchObject({ from: 'waking', to: 'idle', error })
  })

  test('when nobody waits any more by the time the old model sleeps', () => {
    const transition = begin({ unconditional: false })
    engines.complete('prepare', 'b')
    transition.commit()
    engines.complete('sleep', 'a')
    expect(engines.pending).toEqual([])
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, false)
  })

  test('when it is abandoned before it wakes anybody', () => {
    const transition = begin()
    engines.complete('prepare', 'b')
    transition.commit()
    transition.abandon(new Error('closing'))
    engines.complete('sleep', 'a')
    expect(engines.pending).toEqual([])
  })
})

describe('whether it is wanted', () => {
  test('always, if it was asked for by hand', () => {
    expect(begin().wanted).toBe(true)
  })

  test('otherwise as long as somebody waits', () => {
    const transition = begin({ unconditional: false })
    expect(transition.wanted).toBe(false)
    enqueue(b)
    expect(transition.wanted).toBe(true)
  })
})

describe('pointed at another model', () => {
  test('it checks that one, and goes on draining', () => {
    const transition = begin()
    const lease = hold(a)
    engines.complete('prepare', 'b')
    clock.advance(600)
    transition.retarget({ wake: c, evict: [a], reason: 'rather c', unconditional: true })
    expect(transition.phase).toBe('checking')
    expect(engines.pending).toEqual(['prepare c'])
    expect(a.draining).toBe(true)
    engines.complete('prepare', 'c')
    clock.advance(399)
    expect(lease.ended).toBe(false)
    clock.advance(1)
    expect(lease.error).toBeInstanceOf(DrainTimeoutError)
    transition.commit()
    engines.completeAll()
    expect(engines.history).toEqual(['prepare b', 'prepare c', 'sleep a', 'wake c'])
    expect(changes.at(-1)).toMatchObject({ model: 'c', reason: 'rather c', phases: { checking: 0, draining: 1_000 } })
  })

  test('it lets those stay who need not go any more', () => {
    c.awakeSince = clock.now()
    const transition = begin({ evict: [a, c] })
    engines.complete('prepare', 'b')
    transition.retarget({ wake: b, evict: [c], reason: 'test', unconditional: true })
    expect(a).toMatchObject({ draining: false, admits: true })
    expect(c.draining).toBe(true)
  })

  test('it does not hear of the former check any more', () => {
    const transition = begin()
    transition.retarget({ wake: c, evict: [a], reason: 'rather c', unconditional: true })
    engines.complete('prepare', 'b', new Error('no such command'))
    expect(transition.phase).toBe('checking')
    engines.complete('prepare', 'c')
    expect(transition.phase).toBe('draining')
  })

  test('it begins at once where nobody has to go', () => {
    const transition = begin()
    transition.retarget({ wake: c, evict: [], reason: 'rather c', unconditional: true })
    expect(transition).toMatchObject({ phase: 'draining', drained: true })
  })
})

describe('an engine that dies while it is being woken', () => {
  function waking () {
    const transition = begin({ evict: [] })
    transition.commit()
    const wake = engines.finish('wake', 'b')
    transition.lose(b)
    return { transition, wake }
  }

  test('is woken again, once, when a success is reported all the same', () => {
    engines.report(waking().wake)
    expect(engines.history).toEqual(['wake b', 'wake b'])
    expect(onEnd).not.toHaveBeenCalled()
    engines.complete('wake', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, true)
  })

  test('has failed when that is reported', () => {
    const { wake } = waking()
    wake.error = new Error('died')
    engines.report(wake)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(wake.error, false)
  })

  test('is made sure to sleep if nobody wants it any more', () => {
    const { transition, wake } = waking()
    transition.abandon(new Error('closing'))
    engines.report(wake)
    expect(engines.pending).toEqual(['sleep b'])
    engines.complete('sleep', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, false)
  })

  test('and cannot be made to sleep is an error', () => {
    const { transition, wake } = waking()
    transition.abandon(new Error('closing'))
    engines.report(wake)
    const error = new StopError('b', 'still there')
    engines.complete('sleep', 'b', error)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(error, false)
  })

  test('differs from one of an evicted model', () => {
    const transition = begin()
    engines.complete('prepare', 'b')
    transition.commit()
    engines.complete('sleep', 'a')
    transition.lose(a)
    engines.complete('wake', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, true)
  })

  test('is another matter than one that died before it was woken', () => {
    const transition = begin()
    transition.lose(b)
    engines.complete('prepare', 'b')
    transition.commit()
    engines.complete('sleep', 'a')
    engines.complete('wake', 'b')
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(undefined, true)
  })
})

test('a listener can undo the drain: the model is not left draining', () => {
  const events = new LlmuxEvents()
  const transition: Transition = new Transition({ wake: b, evict: [a], reason: 'test', unconditional: true }, { engines, clock, events, decision: () => 1, obstacle, freezes, freeze, onDraining, onEnd })
  events.on('transition', ({ to }) => { if (to === 'draining') transition.undo('never mind') })
  transition.start()
  engines.complete('prepare', 'b')
  expect(a).toMatchObject({ draining: false, admits: true })
  expect(clock.pending).toBe(0)
  expect(onEnd).toHaveBeenCalledOnce()
})
