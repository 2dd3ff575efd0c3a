// The failures R1–R35 that were seen in other systems, as far as they concern the switcher, each as a scenario.
import { describe, expect, test } from 'vitest'
import { ClosingError, DrainTimeoutError, GpuBlockedError, NotStartableError, QueueTimeoutError, StopError, WakeError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

test('R1: with minActive, alternating requests do not put models to sleep and wake them back to back', () => {
  const rig = new Rig({ minActive: 5_000, durations: { prepare: 1, wake: 50, sleep: 30 } })
  const end = rig.clock.now() + 60_000
  for (let turn = 0; rig.clock.now() < end; turn++) {
    rig.ask(turn % 2 === 0 ? 'a' : 'b', { onAnswer: ({ lease }) => lease?.release() })
    rig.clock.advance(100)
  }
  const wakes = rig.engines.calls.filter(({ operation }) => operation === 'wake')
  expect(wakes.length).toBeGreaterThanOrEqual(11)
  expect(wakes.length).toBeLessThanOrEqual(12)
})

test('R6: a lease holds off the switch until it is released, however long that takes', () => {
  const rig = new Rig({ models: { a: { drain: 1_000_000 }, b: { queue: 1_000_000 } } })
  rig.awaken('a')
  const stream = rig.ask('a')
  rig.ask('b')
  rig.engines.complete('prepare', 'b')
  rig.clock.advance(900_000)
  expect(rig.engines.pending).toEqual([])
  expect(rig.view('a').inFlight).toBe(1)
  stream.lease!.release()
  expect(rig.engines.pending).toEqual(['sleep a'])
})

describe('R7: the end of a drain is never missed', () => {
  test.each(['release', 'cut', 'lose'] as const)('when the last lease ends by %s', how => {
    const rig = new Rig()
    rig.awaken('a')
    const [first, last] = [rig.ask('a'), rig.ask('a')]
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    first.lease!.release()
    expect(rig.engines.pending).toEqual([])
    if (how === 'release') last.lease!.release()
    else last.lease![how](new Error('gone'))
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('when all leases end before the drain begins', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    rig.ask('b')
    running.lease!.release()
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual(['sleep a'])
  })
})

test('R8: what is waiting when the model gets ready is counted before anything else can happen', () => {
  const rig = new Rig()
  const mine = rig.ask('a')
  const other = rig.ask('b')
  rig.engines.complete('wake', 'a')
  // b is next, but a's request holds it off: it was granted before anybody could decide to leave.
  expect(mine.answers).toEqual(['granted'])
  rig.engines.complete('prepare', 'b')
  expect(rig.engines.pending).toEqual([])
  expect(other.waiting).toBe(true)
  mine.lease!.release()
  expect(rig.engines.pending).toEqual(['sleep a'])
})

test('R9: while minActive holds a switch back, the awake model serves its own traffic', () => {
  const rig = new Rig({ minActive: 5_000 })
  rig.awaken('a')
  rig.ask('b')
  rig.clock.advance(4_999)
  expect(rig.ask('a').answers).toEqual(['granted'])
  expect(rig.switcher.status().transitions).toEqual([])
})

test('R9: while the next model is being checked, the awake model serves its own traffic', () => {
  const rig = new Rig()
  rig.awaken('a')
  rig.ask('b')
  expect(rig.switcher.status().transitions).toMatchObject([{ phase: 'checking' }])
  expect(rig.ask('a').answers).toEqual(['granted'])
})

describe('R17: the client that caused a switch leaves', () => {
  test('while the model is being woken: the model is awake afterwards, and the next one is served', () => {
    const rig = new Rig()
    const asked = rig.ask('a')
    asked.leave()
    expect(rig.engines.pending).toEqual(['wake a'])
    const other = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.answers).toEqual([])
    expect(other.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['b'])
  })

  test('while the old model goes to sleep: no model wakes in vain, and the next request is served', () => {
    const rig = new Rig()
    rig.awaken('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual(['sleep a'])
    asked.leave()
    rig.engines.complete('sleep', 'a')
    expect(rig.engines.pending).toEqual([])
    const next = rig.ask('a')
    rig.engines.completeAll()
    expect(next.answers).toEqual(['granted'])
  })

  test('while the old model drains: it goes on serving', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const held = rig.ask('a')
    expect(held.waiting).toBe(true)
    asked.leave()
    expect(held.answers).toEqual(['granted'])
    expect(rig.switcher.status().transitions).toEqual([])
  })
})

test('R18: requests that come during a switch to another model are served after it', () => {
  const rig = new Rig()
  rig.awaken('a')
  rig.ask('b', { onAnswer: ({ lease }) => lease?.release() })
  const meanwhile: ReturnType<Rig['ask']>[] = []
  while (rig.engines.open.length > 0) {
    for (const id of ['a', 'b', 'c']) meanwhile.push(rig.ask(id, { onAnswer: ({ lease }) => lease?.release() }))
    rig.engines.complete()
    if (meanwhile.length > 30) break
  }
  rig.engines.completeAll()
  expect(meanwhile.every(({ answers }) => answers.join() === 'granted')).toBe(true)
  expect(rig.switcher.status()).toMatchObject({ waiting: 0, transitions: [] })
})

test('R19: every awakening serves at least one of those it was for', () => {
  const rig = new Rig()
  const served: string[] = []
  for (let i = 0; i < 20; i++) {
    for (const id of ['a', 'b']) {
      rig.ask(id, { onAnswer: ({ lease }) => { if (lease !== undefined) { served.push(id); rig.clock.setTimeout(() => lease.release(), 5) } } })
    }
  }
  for (let step = 0; step < 100 && rig.switcher.status().waiting > 0; step++) {
    if (rig.engines.open.length > 0) rig.engines.complete()
    else rig.clock.advanceToNext()
  }
  expect(served.length).toBe(40)
  expect(rig.engines.history.filter(call => call.startsWith('wake'))).toEqual(['wake a', 'wake b'])
})

test('R19: a wake that is reported at once lets its requests in before the next switch', () => {
  const rig = new Rig()
  rig.engines.wake = (id, done) => { rig.engines.calls.push({ operation: 'wake', id, level: undefined, done, state: 'reported', error: undefined }); done() }
  rig.engines.sleep = (id, level, done) => done()
  rig.engines.prepare = (id, done) => done()
  const order: string[] = []
  rig.awaken('a')
  const hold = rig.ask('a')
  for (const id of ['b', 'c', 'b', 'c']) rig.ask(id, { onAnswer: ({ lease }) => { order.push(id); rig.clock.setTimeout(() => lease!.release(), 5) } })
  hold.lease!.release()
  for (let step = 0; step < 20; step++) rig.clock.advanceToNext()
  expect(order).toEqual(['b', 'b', 'c', 'c'])
})

test('R20: a switch whose queue is empty by the time it could begin does not take place', () => {
  const rig = new Rig()
  rig.awaken('a')
  const running = rig.ask('a')
  const asked = rig.ask('b')
  asked.leave()
  rig.engines.complete('prepare', 'b')
  running.lease!.release()
  expect(rig.engines.history).toEqual(['wake a', 'prepare b'])
  expect(rig.switcher.status().transitions).toEqual([])
  expect(rig.awake).toEqual(['a'])
})

describe('R22: the awake model dies', () => {
  test('and is started again for the next request, which is sent nowhere before', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    rig.engines.die('a')
    expect(running.lease!.ended).toBe(true)
    expect(rig.awake).toEqual([])
    const next = rig.ask('a')
    expect(next.waiting).toBe(true)
    expect(rig.engines.pending).toEqual(['wake a'])
    rig.engines.completeAll()
    expect(next.answers).toEqual(['granted'])
  })

  test('and is started again for requests that waited for a free place', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 } } })
    rig.awaken('a')
    rig.ask('a')
    const waiting = rig.ask('a')
    rig.engines.die('a')
    expect(waiting.waiting).toBe(true)
    rig.engines.completeAll()
    expect(waiting.answers).toEqual(['granted'])
  })

  test('while it drains: the switch goes on', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    rig.engines.die('a')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['b'])
  })

  test('while the next one is being checked: the switch goes on', () => {
    const rig = new Rig()
    rig.awaken('a')
    const asked = rig.ask('b')
    rig.engines.die('a')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
    expect(rig.engines.history).not.toContain('sleep a')
  })

  test('between its success and the report of it: nothing is sent to it, and it is started again', () => {
    const rig = new Rig()
    const asked = rig.ask('a')
    const wake = rig.engines.finish('wake', 'a')
    rig.engines.die('a')
    rig.engines.report(wake)
    expect(asked.waiting).toBe(true)
    expect(rig.awake).toEqual([])
    rig.engines.complete('wake', 'a')
    expect(asked.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['a'])
  })
})

describe('a model dies asleep, while a switch to it is under way', () => {
  test('before it is woken: its start afterwards counts', () => {
    const rig = new Rig()
    rig.awaken('b')
    rig.awaken('a')
    rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.die('b')
    rig.engines.complete('prepare', 'b')
    rig.switcher.cut(new Error('enough'))
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['b'])
    expect([...rig.engines.onGpu]).toEqual(['b'])
  })

  test('when its wake was asked for but has not begun: the switcher and the GPU agree afterwards', () => {
    const rig = new Rig()
    const asked = rig.ask('a')
    rig.switcher.lost('a', new Error('died in its sleep'))
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
    expect(rig.awake).toEqual([...rig.engines.onGpu])
  })
})

describe('R23: one stuck client does not block the switch', () => {
  test('past its limit the drain cuts what is left, with an error that says so', () => {
    const rig = new Rig({ models: { a: { drain: 1_000 }, b: {} } })
    rig.awaken('a')
    const stuck = rig.ask('a')
    const { signal } = stuck.lease!
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    rig.clock.advance(999)
    expect(signal.aborted).toBe(false)
    rig.clock.advance(1)
    expect(signal.reason).toBeInstanceOf(DrainTimeoutError)
    expect(stuck.lease!.error).toBe(signal.reason)
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('its connection is broken before the model is told to sleep', () => {
    const rig = new Rig({ models: { a: { drain: 1_000 }, b: {} } })
    rig.awaken('a')
    const pendingAtAbort: string[][] = []
    for (const { lease } of [rig.ask('a'), rig.ask('a')]) {
      lease!.signal.addEventListener('abort', () => pendingAtAbort.push(rig.engines.pending))
    }
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    rig.clock.advance(1_000)
    expect(pendingAtAbort).toEqual([[], []])
    expect(rig.engines.pending).toEqual(['sleep a'])
  })
})

describe('R24: waiters that timed out or left cause nothing and count nowhere', () => {
  test('a waiter that timed out is refused, and its switch does not take place', () => {
    const rig = new Rig({ models: { a: {}, b: { queue: 1_000 } } })
    rig.awaken('a')
    rig.ask('a')
    const asked = rig.ask('b', { bytes: 10 })
    rig.engines.complete('prepare', 'b')
    rig.clock.advance(1_000)
    expect(asked.error).toBeInstanceOf(QueueTimeoutError)
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, waitingBytes: 0, transitions: [] })
    expect(rig.ask('a').answers).toEqual(['granted'])
  })

  test('a waiter that left while minActive held the switch back causes none', () => {
    const rig = new Rig({ minActive: 5_000 })
    rig.awaken('a')
    rig.ask('b').leave()
    expect(rig.clock.pending).toBe(0)
    rig.clock.advance(10_000)
    expect(rig.engines.history).toEqual(['wake a'])
  })

  test('leaving twice, or after the answer, changes nothing', () => {
    const rig = new Rig()
    const [first, second] = [rig.ask('a', { bytes: 5 }), rig.ask('a', { bytes: 5 })]
    first.leave()
    first.leave()
    expect(rig.switcher.status()).toMatchObject({ waiting: 1, waitingBytes: 5 })
    rig.engines.completeAll()
    second.leave()
    expect(second.lease!.ended).toBe(false)
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, waitingBytes: 0 })
  })
})

describe('R29: sleep and kill have both failed', () => {
  function stuckRig () {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    const asked = [rig.ask('b'), rig.ask('c')]
    rig.engines.completeAll()
    return { rig, asked }
  }

  test('the next model does not start, and waiting requests are refused', () => {
    const { rig, asked } = stuckRig()
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a'])
    for (const { error } of asked) expect(error).toBeInstanceOf(GpuBlockedError)
    expect(rig.awake).toEqual([])
  })

  test('later requests and orders are told at once', () => {
    const { rig } = stuckRig()
    expect(rig.ask('a').error).toBeInstanceOf(GpuBlockedError)
    expect(rig.ask('b').error).toBeInstanceOf(GpuBlockedError)
    expect(rig.switchTo('b').error).toBeInstanceOf(GpuBlockedError)
  })

  test('when the processes are gone after all, models are started again', () => {
    const { rig } = stuckRig()
    rig.engines.unstick('a')
    const asked = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
  })

  test('and a model that is kept awake comes back at once', () => {
    const rig = new Rig({ models: { a: { keepAwake: true }, b: {} } })
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    rig.ask('b')
    rig.engines.completeAll()
    rig.clock.advance(60_000)
    expect(rig.engines.pending).toEqual([])
    rig.engines.unstick('a')
    rig.switcher.freed()
    expect(rig.engines.pending).toEqual(['wake a'])
  })

  test('a sleep asked for by hand tries to end them again', () => {
    const { rig } = stuckRig()
    const ordered = rig.sleep('a', 3)
    expect(rig.engines.pending).toEqual(['sleep a'])
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.ask('b').waiting).toBe(true)
  })

  test('a model that is awake beside them goes on serving, and can be put to sleep', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5, maxConcurrency: 1 }, c: { gpuShare: 0.5 } } })
    rig.awaken('a')
    rig.awaken('b')
    const running = rig.ask('b')
    const queued = rig.ask('b')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    const waiting = rig.ask('c')
    rig.engines.completeAll()
    expect(waiting.error).toBeInstanceOf(GpuBlockedError)
    expect(queued.waiting).toBe(true)
    running.lease!.release()
    expect(queued.answers).toEqual(['granted'])
    queued.lease!.release()
    expect(rig.ask('b').answers).toEqual(['granted'])
    rig.switcher.cut(new Error('enough'))
    const ordered = rig.sleep('b')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
  })

  test('requests for a model that dies beside them are refused at once', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5, maxConcurrency: 1 } } })
    rig.awaken('a')
    rig.awaken('b')
    rig.ask('b')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    rig.sleep('a')
    rig.engines.completeAll()
    const queued = rig.ask('b')
    rig.engines.die('b')
    expect(queued.error).toBeInstanceOf(GpuBlockedError)
  })

  test('nobody else is put to sleep for a model that has become impossible meanwhile', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5 }, c: {} } })
    rig.awaken('a')
    rig.awaken('b')
    const running = rig.ask('b')
    const ordered = rig.switchTo('c')
    rig.engines.complete('prepare', 'c')
    rig.engines.stuck.add('a')
    rig.engines.onLost('a', new Error('died, and its worker hangs'))
    expect(ordered.error).toBeInstanceOf(GpuBlockedError)
    running.lease!.release()
    expect(rig.engines.history).not.toContain('sleep b')
    expect(rig.ask('b').answers).toEqual(['granted'])
  })
})

test('R31: changes during a decision are decided as well', () => {
  const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
  const order: string[] = []
  rig.ask('a', {
    onAnswer: ({ lease }) => {
      order.push('a')
      rig.ask('b', { onAnswer: () => order.push('b') })
      lease!.release()
    }
  })
  rig.ask('a', { onAnswer: ({ lease }) => { order.push('a'); lease!.release() } })
  rig.engines.completeAll()
  expect(order).toEqual(['a', 'a', 'b'])
})

describe('R34: the new model cannot be brought up', () => {
  test('the old one is woken again, though nobody waits for it', () => {
    const rig = new Rig()
    rig.awaken('a')
    const error = new WakeError('b', 'no memory')
    rig.engines.failNext('wake', 'b', error)
    const asked = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.error).toBe(error)
    expect(rig.awake).toEqual(['a'])
  })

  test('its requests are refused, those of the old one served', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const old = rig.ask('a')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['refused'])
    expect(old.answers).toEqual(['granted'])
  })

  test('requests for a third model come before the old one', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.ask('b')
    const third = rig.ask('c')
    rig.engines.completeAll()
    expect(third.answers).toEqual(['granted'])
    expect(rig.engines.history.filter(call => call.startsWith('wake'))).toEqual(['wake a', 'wake b', 'wake c'])
    expect(rig.awake).toEqual(['c'])
  })

  test('all old ones are woken again, if there were several', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, d: { gpuShare: 0.5 }, b: {} } })
    rig.awaken('a')
    rig.awaken('d')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.ask('b')
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['a', 'd'])
  })

  test('one that is asked to sleep meanwhile is left asleep', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, d: { gpuShare: 0.5 }, b: {} } })
    rig.awaken('a')
    rig.awaken('d')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.ask('b')
    for (const call of ['prepare', 'sleep', 'sleep', 'wake'] as const) rig.engines.complete(call)
    expect(rig.engines.pending).toEqual(['wake a'])
    const ordered = rig.sleep('d', 3)
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.awake).toEqual(['a'])
  })

  test('and the old one neither: nothing is tried forever', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.engines.failNext('wake', 'a', new WakeError('a', 'no memory'))
    rig.ask('b')
    rig.engines.completeAll()
    expect(rig.awake).toEqual([])
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a', 'wake b', 'wake a'])
  })
})

describe('R35: what can be checked before the old model sleeps is checked before', () => {
  test('a model that cannot be started puts nobody to sleep', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const error = new NotStartableError('b', 'no such command')
    rig.engines.failNext('prepare', 'b', error)
    const asked = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.error).toBe(error)
    expect(rig.engines.history).toEqual(['wake a', 'prepare b'])
    expect(running.lease!.ended).toBe(false)
    expect(rig.ask('a').answers).toEqual(['granted'])
  })

  test('an order for it fails in the same way', () => {
    const rig = new Rig()
    rig.awaken('a')
    const error = new NotStartableError('b', 'no such command')
    rig.engines.failNext('prepare', 'b', error)
    const ordered = rig.switchTo('b')
    rig.engines.completeAll()
    expect(ordered.error).toBe(error)
    expect(rig.awake).toEqual(['a'])
  })
})

test('a server that closes in the middle of a switch puts nobody more to sleep and wakes nobody more', () => {
  const rig = new Rig()
  rig.awaken('a')
  const ordered = rig.switchTo('b')
  rig.engines.complete('prepare', 'b')
  expect(rig.engines.pending).toEqual(['sleep a'])
  rig.switcher.close()
  rig.engines.completeAll()
  expect(ordered.error).toBeInstanceOf(ClosingError)
  expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a'])
})
