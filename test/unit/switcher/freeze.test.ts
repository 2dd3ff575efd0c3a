import { describe, expect, test } from 'vitest'
import { ClosingError, DrainTimeoutError, StopError, WakeError } from '../../../lib/errors.ts'
import type { Freeze } from '../../../lib/options/types.ts'
import { fifo } from '../../../lib/switcher/policy/fifo.ts'
import type { Policy } from '../../../lib/switcher/policy/policy.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

/** `fifo` that has requests frozen `after` so many milliseconds, if that is given, and lets a model stay for a moment. */
function freezing (after?: number): Policy {
  const decide = fifo({ type: 'fifo', minActive: 10 })
  return snapshot => ({ ...decide(snapshot), freezeAt: after === undefined ? undefined : snapshot.now + after })
}

interface SetupOptions {
  after?: number | undefined
  freeze?: Freeze
  keeping?: boolean
  freezable?: boolean
  maxConcurrency?: number
}

/** Model a is awake with one request in flight, and somebody has just come for b. */
function setUp ({ after, freeze = true, keeping = true, freezable = true, maxConcurrency = 256 }: SetupOptions = {}) {
  const rig = new Rig({ models: { a: { freeze, drain: 1_000, maxConcurrency }, b: {} }, policy: freezing(after), keeping })
  rig.awaken('b')
  rig.clock.advance(10)
  rig.awaken('a')
  const running = rig.ask('a', { freezable })
  rig.clock.advance(100)
  const waiting = rig.ask('b')
  rig.engines.complete('prepare', 'b')
  return { rig, running, waiting, lease: running.lease! }
}

/** And has been served by b since: a is asleep, and its request frozen. */
function setUpFrozen (options: SetupOptions = {}) {
  const parts = setUp({ after: 0, ...options })
  parts.rig.engines.complete('sleep', 'a')
  parts.rig.engines.complete('wake', 'b')
  return parts
}

const history = (rig: Rig, id: number) => rig.requests.filter(change => change.id === id).map(({ from, to }) => `${from} → ${to}`)

describe('a switch that freezes', () => {
  test('waits for no request: the engine goes to sleep while one is in flight', () => {
    const { rig, running, waiting, lease } = setUp({ after: 0 })
    const frozen: boolean[] = []
    lease.whenFrozen(is => frozen.push(is))
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect(rig.view('a')).toMatchObject({ frozen: 1, inFlight: 0, waiting: 1, frozenSince: rig.clock.now(), oldest: rig.clock.now() })
    rig.engines.complete('sleep', 'a')
    rig.engines.complete('wake', 'b')
    expect(waiting.answers).toEqual(['granted'])
    expect([lease.frozen, lease.ended, running.answers]).toEqual([true, false, ['granted']])
  })

  test('owes the frozen ones a return, and they go on where they were', () => {
    const { rig, waiting, lease } = setUpFrozen()
    const frozen: boolean[] = []
    lease.whenFrozen(is => frozen.push(is))
    rig.clock.advance(5_000)
    waiting.lease!.release()
    expect(rig.transitions.at(-1)).toMatchObject({ wake: 'a', reason: 'requests of it are frozen' })
    rig.engines.completeAll()
    expect(frozen).toEqual([false])
    expect(rig.view('a')).toMatchObject({ frozen: 0, inFlight: 1, waiting: 0, frozenSince: undefined })
    lease.release()
    expect(history(rig, lease.id)).toEqual(['arrived → granted', 'granted → frozen', 'frozen → granted', 'granted → released'])
    expect(rig.switcher.learned.model('a').serviceTime.value, 'the time in which its engine slept is none in the engine').toBe(50)
  })

  test('owes long requests twice as much work as they were frozen', () => {
    const { rig, waiting, lease } = setUpFrozen()
    rig.switcher.learned.model('a').serviceTime.add(30)
    rig.clock.advance(5_000)
    waiting.lease!.release()
    rig.engines.completeAll()
    const paused = lease.paused
    expect(paused).toBeGreaterThanOrEqual(5_000)
    // It had been worked on for 100 ms, more than 2.7 times as long as one is on average.
    expect(rig.view('a').owed).toBe(2 * paused - 100)
    rig.clock.advance(1_000)
    expect(rig.view('a').owed).toBe(2 * paused - 1_100)
    rig.clock.advance(20_000)
    expect(rig.view('a').owed).toBe(0)
  })

  test('owes work to a request that was frozen for long, however short it is', () => {
    const { rig, waiting, lease } = setUpFrozen()
    const figures = rig.switcher.learned.model('a')
    figures.serviceTime.add(500)
    const mean = figures.serviceTime.value
    expect(lease.served(rig.clock.now()), 'it is short').toBeLessThan(2.7 * mean)
    rig.clock.advance(3.5 * mean)
    waiting.lease!.release()
    rig.engines.completeAll()
    expect(rig.view('a').owed, 'three and a half times the mean is nothing special').toBe(0)
    rig.clock.advance(10)
    const again = rig.ask('b')
    rig.engines.completeAll()
    expect(lease.frozen).toBe(true)
    rig.clock.advance(3 * mean)
    again.lease!.release()
    rig.engines.completeAll()
    expect(lease.frozen).toBe(false)
    const owed = 0.4 * (lease.paused - 4 * mean) - lease.served(rig.clock.now())
    expect(owed).toBeGreaterThan(0)
    expect(rig.view('a').owed).toBe(owed)
  })

  test('owes work to a request that waited for long before it was granted', () => {
    const { rig, running, waiting } = setUp()
    const figures = rig.switcher.learned.model('b')
    figures.serviceTime.add(50)
    const mean = figures.serviceTime.value
    rig.clock.advance(900)
    running.lease!.release()
    rig.engines.completeAll()
    expect(waiting.answers).toEqual(['granted'])
    expect(waiting.lease!.waited).toBe(900)
    const owed = 0.4 * (900 - 4 * mean)
    expect(owed).toBeGreaterThan(0)
    expect(rig.view('b').owed).toBe(owed)
    rig.clock.advance(100)
    expect(rig.view('b').owed).toBe(owed - 100)
    expect(rig.view('a').owed, 'it is asleep').toBe(0)
  })

  test('learns what a thaw costs for each request, from when streams go on', () => {
    const { rig, waiting, lease } = setUpFrozen()
    const figures = rig.switcher.learned.model('a')
    lease.output = 10
    rig.clock.advance(5_000)
    waiting.lease!.release()
    rig.engines.completeAll()
    // Nothing is learned from one that has not had a byte before, nor from later bytes.
    rig.clock.advance(60)
    lease.output = 20
    rig.clock.advance(1_000)
    lease.output = 30
    expect(figures.thawTime.value).toBe(60)
    expect(rig.view('a').thawTime).toBe(60)
  })

  test('learns nothing of that from an answer without a byte', () => {
    const { rig, waiting, lease } = setUpFrozen()
    rig.clock.advance(5_000)
    waiting.lease!.release()
    rig.engines.completeAll()
    expect(lease.frozen).toBe(false)
    lease.output = 10
    expect(rig.switcher.learned.model('a').thawTime.learned).toBeUndefined()
  })

  test('queues requests that arrive meanwhile, and admits them after the thaw', () => {
    const { rig, waiting, lease } = setUpFrozen({ maxConcurrency: 2 })
    const [second, third] = [rig.ask('a'), rig.ask('a')]
    expect(rig.view('a')).toMatchObject({ waiting: 3, frozen: 1 })
    rig.clock.advance(10)
    waiting.lease!.release()
    rig.engines.completeAll()
    expect([lease.frozen, second.answers, third.answers]).toEqual([false, ['granted'], []])
  })

  test('tells in its end how many it has frozen', () => {
    const { rig } = setUpFrozen()
    expect(rig.transitions.find(({ to, wake, frozen }) => to === 'idle' && wake === 'b' && frozen !== undefined)).toMatchObject({ outcome: 'done', frozen: 1 })
  })

  test('freezes who is left after the time that the policy has given', () => {
    const { rig, lease } = setUp({ after: 300 })
    rig.clock.advance(299)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1)
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect(lease.frozen).toBe(true)
  })

  test('freezes at the drain limit if the policy does not say when, and cuts nobody', () => {
    const { rig, lease } = setUp()
    rig.clock.advance(899)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(101)
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect([lease.frozen, lease.ended]).toEqual([true, false])
  })

  test('that is ordered freezes at once', () => {
    const rig = new Rig({ models: { a: {}, b: {} }, keeping: true })
    rig.awaken('a')
    const { lease } = rig.ask('a')
    const ordered = rig.switchTo('b')
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual(['sleep a'])
    rig.engines.complete('sleep', 'a')
    rig.engines.complete('wake', 'b')
    expect([lease!.frozen, ordered.answers]).toEqual([true, ['done']])
  })
})

describe('who is not frozen', () => {
  test('with "late", nobody before the limit', () => {
    const { rig, lease } = setUp({ after: 0, freeze: 'late' })
    expect(rig.engines.pending).toEqual([])
    expect(rig.view('a').freezes, 'a policy is not offered what it cannot have').toBe(false)
    rig.clock.advance(1_000)
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect(lease.frozen).toBe(true)
  })

  test('has its time again after a thaw: models whose clients read nothing are not switched to and fro', () => {
    const { rig, waiting, lease } = setUp()
    rig.switcher.stalled(lease)
    rig.engines.complete('sleep', 'a')
    rig.engines.complete('wake', 'b')
    rig.clock.advance(10)
    rig.switcher.stalled(waiting.lease!)
    rig.engines.completeAll()
    rig.clock.advance(10)
    rig.engines.completeAll()
    expect([lease.frozen, waiting.lease!.frozen]).toEqual([false, true])
    expect(rig.switcher.status().transitions).toMatchObject([{ wake: 'b', phase: 'draining' }])
  })

  test.each([['with `freeze: false`', { freeze: false }], ['on an engine that cannot', { keeping: false }], ['who has asked not to be', { freezable: false }]] as const)('%s, who is left is cut at the limit', (_, options) => {
    const { rig, lease } = setUp({ after: 0, ...options })
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1_000)
    expect(lease.error).toBeInstanceOf(DrainTimeoutError)
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('one who must not be frozen is waited for, and then the others are', () => {
    const { rig, lease } = setUp({ after: 0, freezable: false })
    rig.switcher.stalled(lease)
    expect(rig.engines.pending).toEqual([])
    lease.release()
    expect(rig.engines.pending).toEqual(['sleep a'])
  })
})

describe('frozen requests', () => {
  test('are lost when their engine dies, as any in flight', () => {
    const { rig, lease } = setUpFrozen()
    const frozen: boolean[] = []
    lease.whenFrozen(is => frozen.push(is))
    rig.engines.die('a')
    expect(lease.error?.message).toBe('a died')
    expect(frozen, 'what was not sent yet is sent, and fails as it does on any dead engine').toEqual([false])
    expect(rig.view('a')).toMatchObject({ frozen: 0, waiting: 0, frozenSince: undefined })
    expect(history(rig, lease.id).at(-1)).toBe('frozen → lost')
  })

  test('are cut with the reason when their engine does not wake', () => {
    const { rig, waiting, lease } = setUpFrozen()
    rig.clock.advance(10)
    waiting.lease!.release()
    rig.engines.complete('prepare', 'a')
    rig.engines.complete('sleep', 'b')
    const error = new WakeError('a', 'it will not')
    rig.engines.complete('wake', 'a', error)
    expect(lease.error).toBe(error)
    expect(rig.view('a')).toMatchObject({ frozen: 0, waiting: 0 })
  })

  test('are told at once when the server closes', () => {
    const { rig, lease } = setUpFrozen()
    rig.switcher.close()
    expect(lease.error).toBeInstanceOf(ClosingError)
  })

  test('are told at once when the server closes while they are being frozen', () => {
    const { rig, lease } = setUp({ after: 0 })
    rig.switcher.close()
    expect(lease.error).toBeInstanceOf(ClosingError)
  })

  test('are told when processes that cannot be ended are in their way', () => {
    const { rig, lease } = setUp({ after: 0 })
    rig.engines.complete('sleep', 'a', new StopError('a', 'it stays'))
    expect(lease.error).toMatchObject({ code: 'LLMUX_ERR_GPU_BLOCKED' })
  })

  test('whose clients leave are over, and the engine is simply asleep', () => {
    const { rig, waiting, lease } = setUpFrozen()
    lease.release()
    expect(rig.view('a')).toMatchObject({ frozen: 0, waiting: 0, oldest: undefined })
    waiting.lease!.release()
    expect(rig.awake).toEqual(['b'])
    expect(rig.switcher.status().transitions).toEqual([])
  })

  test('are not given up by an order to stop: the model is woken, answers, and is stopped then', () => {
    const { rig, waiting, lease } = setUpFrozen()
    const ordered = rig.sleep('a', 3)
    waiting.lease!.release()
    rig.engines.completeAll()
    expect([lease.frozen, ordered.answers]).toEqual([false, []])
    lease.release()
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.engines.history.at(-1)).toBe('sleep a 3')
  })

  test.each([['switching is paused', 'pause'], ['the model that must make room is pinned', 'pin']] as const)('are answered before an ordered stop even if %s', (_, control) => {
    const { rig, waiting, lease } = setUpFrozen()
    if (control === 'pause') rig.switcher.controls.pause('switching')
    else rig.switcher.controls.pin('b')
    const ordered = rig.sleep('a', 3)
    waiting.lease!.release()
    rig.engines.completeAll()
    lease.release()
    rig.engines.completeAll()
    expect([lease.error, ordered.answers]).toEqual([undefined, ['done']])
  })

  test('that leave while others make room for them end the switch that an ordered stop began', () => {
    const { rig, waiting, lease } = setUpFrozen()
    const ordered = rig.sleep('a', 3)
    lease.release()
    expect(rig.transitions).toContainEqual(expect.objectContaining({ outcome: 'undone', reason: 'no request waits for it any more' }))
    rig.engines.completeAll()
    expect([rig.awake, waiting.lease!.frozen, ordered.answers]).toEqual([['b'], false, ['done']])
  })

  test('are no obstacle to an order to sleep: the model does', () => {
    const { rig, lease } = setUpFrozen()
    expect(rig.sleep('a', 2).answers).toEqual(['done'])
    expect(lease.frozen).toBe(true)
  })

  test('may be frozen again', () => {
    const { rig, waiting, lease } = setUpFrozen()
    rig.clock.advance(10)
    waiting.lease!.release()
    rig.engines.completeAll()
    rig.clock.advance(40)
    const other = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    rig.engines.complete('sleep', 'a')
    rig.engines.complete('wake', 'b')
    expect([lease.frozen, other.answers]).toEqual([true, ['granted']])
    rig.clock.advance(10)
    other.lease!.release()
    rig.engines.completeAll()
    expect([lease.frozen, lease.served(rig.clock.now())]).toEqual([false, 140])
  })
})

describe('a client that does not read', () => {
  test('does not hinder requests for another model, and is not cut', () => {
    const { rig, lease } = setUp()
    expect(rig.switcher.stalled(lease)).toBe(false)
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect([lease.frozen, lease.ended]).toEqual([true, false])
  })

  test('is waited for again once it reads', () => {
    const { rig, waiting, lease } = setUp()
    waiting.leave()
    rig.ask('b')
    rig.switcher.readAgain(lease)
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual([])
  })

  test.each([['with `freeze: false`', { freeze: false }], ['on an engine that cannot be frozen', { keeping: false }], ['that must not be frozen', { freezable: false }]] as const)('%s is to be cut', (_, options) => {
    const { rig, lease } = setUp(options)
    expect(rig.switcher.stalled(lease)).toBe(true)
  })

  test('is left alone while nobody waits for another model, or while it is frozen', () => {
    const { rig, waiting, lease } = setUp({ freeze: false })
    waiting.leave()
    expect(rig.switcher.stalled(lease)).toBe(false)
    const frozen = setUpFrozen()
    expect(frozen.rig.switcher.stalled(frozen.lease)).toBe(false)
  })
})

test('a disabled model does not wake for frozen requests: they are refused, and the list knew them', () => {
  const { rig, lease } = setUpFrozen()
  expect(rig.switcher.requests.list(10).inFlight).toMatchObject([{ model: 'a', frozen: true }, { model: 'b', frozen: false }])
  rig.switcher.controls.disable('a')
  expect(lease.error).toMatchObject({ code: 'LLMUX_ERR_MODEL_DISABLED' })
  expect(rig.view('a').frozen).toBe(0)
})

test('sees the highest priority of waiting, frozen and running requests', () => {
  const rig = new Rig({ models: { a: { freeze: true }, b: {} }, policy: freezing(0), keeping: true })
  rig.awaken('b')
  rig.clock.advance(10)
  rig.awaken('a')
  expect(rig.view('a').priority).toBeUndefined()
  const low = rig.ask('a', { priority: -2 })
  expect(rig.view('a').priority).toBe(-2)
  rig.ask('b', { priority: -1 })
  const high = rig.ask('b', { priority: 3 })
  expect(rig.view('b').priority).toBe(3)
  high.leave()
  expect(rig.view('b').priority).toBe(-1)
  low.lease!.release()
  expect(rig.view('a').priority).toBeUndefined()
})
