// The rules of the design that must hold at every moment, as far as they concern the switcher. That they hold whatever
// happens is shown by the model-based test; here each has the cases that explain it.
import { describe, expect, test } from 'vitest'
import { DrainTimeoutError, GpuBlockedError, NotStartableError, QueueTimeoutError, StopError, WakeError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

describe('rule 1: at most one transition per GPU, and never more awake than fit', () => {
  test('a second switch on the same GPU waits for the first', () => {
    const rig = new Rig()
    rig.ask('a')
    const [b, c] = [rig.ask('b'), rig.ask('c')]
    expect(rig.engines.pending).toEqual(['wake a'])
    rig.engines.completeAll()
    expect([b.waiting, c.waiting]).toEqual([true, true])
    expect(rig.switcher.status().transitions).toMatchObject([{ wake: 'b', phase: 'draining' }])
  })

  test('switches on different GPUs go side by side', () => {
    const rig = new Rig({ models: { a: { gpus: [0] }, b: { gpus: [1] } } })
    rig.ask('a')
    rig.ask('b')
    expect(rig.engines.pending).toEqual(['wake a', 'wake b'])
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['a', 'b'])
  })

  test('a model on two GPUs waits for both, and evicts from both', () => {
    const rig = new Rig({ models: { a: { gpus: [0] }, b: { gpus: [1] }, both: { gpus: [0, 1] } } })
    rig.awaken('a')
    rig.ask('b')
    rig.ask('both')
    expect(rig.engines.pending).toEqual(['wake b'])
    rig.engines.complete('wake', 'b')
    expect(rig.engines.pending).toEqual(['prepare both'])
    expect(rig.switcher.status().transitions).toMatchObject([{ wake: 'both', evict: ['a', 'b'] }])
  })

  test('models that fit together are awake together, and only as many go as must', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.3 }, c: { gpuShare: 0.3 } } })
    rig.awaken('a')
    rig.awaken('b')
    expect(rig.awake).toEqual(['a', 'b'])
    rig.awaken('c')
    expect(rig.awake).toEqual(['b', 'c'])
  })

  test('a request is admitted only on a model that is awake', () => {
    const rig = new Rig()
    const asked = rig.ask('a')
    for (const phase of ['wake'] as const) {
      expect(asked.waiting).toBe(true)
      rig.engines.complete(phase, 'a')
    }
    expect(asked.answers).toEqual(['granted'])
    asked.lease!.release()
    rig.sleep('a')
    expect(rig.ask('a').waiting).toBe(true)
  })

  test('traffic on single GPUs does not starve an order that needs two', () => {
    const rig = new Rig({ models: { a: { gpus: [0] }, b: { gpus: [0] }, c: { gpus: [1] }, d: { gpus: [1] }, both: { gpus: [0, 1] } } })
    rig.ask('a', { onAnswer: ({ lease }) => lease?.release() })
    rig.ask('c', { onAnswer: ({ lease }) => lease?.release() })
    const ordered = rig.switchTo('both')
    for (let turn = 0; turn < 50 && ordered.answers.length === 0; turn++) {
      for (const id of ['a', 'b', 'c', 'd']) rig.ask(id, { onAnswer: ({ lease }) => lease?.release() })
      rig.engines.complete()
    }
    expect(ordered.answers).toEqual(['done'])
  })
})

describe('rule 2: admission and activation happen in one synchronous step', () => {
  test('waiting requests hold their leases before any decision to leave', () => {
    const rig = new Rig()
    const seen: number[] = []
    rig.ask('a', { onAnswer: () => seen.push(rig.switcher.status().transitions.length) })
    rig.ask('b')
    rig.engines.complete('wake', 'a')
    expect(seen).toEqual([0])
    expect(rig.switcher.status().transitions).toHaveLength(1)
  })

  test('nobody is let in any more from the moment the drain begins, though the model is still awake', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    expect(rig.view('a').awakeSince).toBeDefined()
    expect(rig.ask('a').waiting).toBe(true)
  })

  test('the model is not awake any more from before the call that puts it to sleep', () => {
    const rig = new Rig()
    rig.awaken('a')
    const awake: string[][] = []
    rig.engines.onCall = ({ operation }) => { if (operation === 'sleep') awake.push(rig.awake) }
    rig.sleep('a')
    expect(awake).toEqual([[]])
  })

  test('a request that arrives during the activation is served in its turn', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
    const order: number[] = []
    const late: (() => void)[] = []
    rig.ask('a', {
      onAnswer: ({ lease }) => {
        order.push(1)
        rig.ask('a', { onAnswer: () => order.push(3) })
        late.push(() => lease!.release())
      }
    })
    const second = rig.ask('a', { onAnswer: () => order.push(2) })
    rig.engines.complete('wake', 'a')
    late[0]!()
    second.lease!.release()
    expect(order).toEqual([1, 2, 3])
  })
})

test('rule 3: counts return to zero after a storm in which leases end in every way, several times', () => {
  const rig = new Rig()
  rig.awaken('a')
  const asked = Array.from({ length: 300 }, () => rig.ask('a'))
  asked.forEach(({ lease }, index) => {
    const ways = [() => lease!.release(), () => lease!.cut(new Error('cut')), () => lease!.lose(new Error('lost'))]
    for (let i = 0; i < 3; i++) ways[(index + i) % 3]!()
  })
  const ends = rig.requests.filter(({ from, to }) => from === 'granted' && asked.some(({ lease }) => lease !== undefined) && to !== 'granted')
  expect(rig.view('a').inFlight).toBe(0)
  expect(rig.switcher.status()).toMatchObject({ waiting: 0, waitingBytes: 0 })
  expect(new Set(ends.map(({ id }) => id)).size).toBe(ends.length)
})

describe('rule 4: a request that has left is gone', () => {
  test('counts nowhere, and causes no switch', () => {
    const rig = new Rig({ minActive: 1_000 })
    rig.awaken('a')
    const asked = rig.ask('b', { bytes: 100 })
    asked.leave()
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, waitingBytes: 0, models: [{ waiting: 0 }, { waiting: 0, oldest: undefined }, {}] })
    rig.clock.advance(10_000)
    expect(rig.engines.history).toEqual(['wake a'])
    expect(asked.answers).toEqual([])
  })

  test('the switch continues for the remaining requests', () => {
    const rig = new Rig()
    rig.awaken('a')
    const [first, second] = [rig.ask('b'), rig.ask('b')]
    rig.engines.complete('prepare', 'b')
    first.leave()
    rig.engines.completeAll()
    expect(second.answers).toEqual(['granted'])
  })

  test('a wake under way does not die with the request that caused it', () => {
    const rig = new Rig()
    rig.ask('a').leave()
    rig.engines.complete('wake', 'a')
    expect(rig.awake).toEqual(['a'])
  })
})

test('rule 5: whatever the switcher grants, the engine is awake at that moment', () => {
  const rig = new Rig({ durations: { prepare: 1, wake: 20, sleep: 10 } })
  const grants: boolean[] = []
  for (let turn = 0; turn < 300; turn++) {
    const id = 'abc'[turn % 3]!
    rig.ask(id, {
      onAnswer: ({ lease }) => {
        if (lease === undefined) return
        grants.push(rig.engines.awake.has(id))
        rig.clock.setTimeout(() => lease.release(), turn % 17)
      }
    })
    rig.clock.advance(turn % 5)
    if (turn % 50 === 0 && rig.awake[0] !== undefined) rig.engines.die(rig.awake[0])
  }
  while (rig.switcher.status().waiting > 0) rig.clock.advanceToNext()
  expect(grants).toHaveLength(300)
  expect(grants).not.toContain(false)
})

describe('rule 7: if the old engine cannot be ended, the next is not started', () => {
  test('that is a visible error for waiting requests', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    const asked = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.error).toBeInstanceOf(GpuBlockedError)
    expect(rig.engines.history).not.toContain('wake b')
    expect(rig.transitions.at(-1)).toMatchObject({ to: 'idle', error: { code: 'LLMUX_ERR_STOP_FAILED' } })
    expect(rig.view('b').held).toBe(true)
    expect(rig.view('a').onGpu).toBe(true)
  })

  test('other GPUs go on', () => {
    const rig = new Rig({ models: { a: {}, b: {}, c: { gpus: [1] } } })
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'still there'))
    rig.ask('b')
    rig.engines.completeAll()
    const asked = rig.ask('c')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
  })
})

describe('rule 8: if the new model cannot be brought up, the old one is brought back', () => {
  test('what can be known is checked before anybody sleeps', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('prepare', 'b', new NotStartableError('b', 'no such command'))
    rig.ask('b')
    rig.engines.completeAll()
    expect(rig.engines.history).not.toContain('sleep a')
  })

  test('the others are woken again', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    const ordered = rig.switchTo('b')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['failed'])
    expect(rig.awake).toEqual(['a'])
    expect(rig.transitions.at(-1)!.reason).toBe('the model it made way for could not be brought up')
  })

  test('not so once the server closes', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.ask('b')
    for (const call of ['prepare', 'sleep'] as const) rig.engines.complete(call)
    rig.switcher.close()
    rig.engines.completeAll()
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a', 'wake b'])
  })

  test('not those whose place somebody else has taken', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, d: { gpuShare: 0.5 }, b: {}, c: { gpuShare: 0.7 } } })
    rig.awaken('a')
    rig.awaken('d')
    rig.engines.failNext('wake', 'b', new WakeError('b', 'no memory'))
    rig.ask('b')
    const third = rig.ask('c')
    rig.engines.completeAll()
    expect(third.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['c'])
    third.lease!.release()
    rig.sleep('c')
    rig.engines.completeAll()
    expect(rig.awake).toEqual([])
  })

  test('not on a GPU that is blocked, not even later', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.engines.failNext('wake', 'b', new StopError('b', 'still there'))
    rig.ask('b')
    rig.engines.completeAll()
    rig.engines.unstick('b')
    rig.ask('c').leave()
    rig.engines.completeAll()
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a', 'wake b', 'wake c'])
  })
})

describe('rule 9: every wait has an end, and an error of its own', () => {
  test('in the queue', () => {
    const rig = new Rig({ models: { a: { queue: 1_000 } } })
    const asked = rig.ask('a')
    rig.clock.advance(1_000)
    expect(asked.error).toBeInstanceOf(QueueTimeoutError)
  })

  test('for the drain', () => {
    const rig = new Rig({ models: { a: { drain: 1_000 } } })
    rig.awaken('a')
    const running = rig.ask('a')
    rig.sleep('a')
    rig.clock.advance(1_000)
    expect(running.lease!.error).toBeInstanceOf(DrainTimeoutError)
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('for a sleep, an order that can be carried out even on a blocked GPU', () => {
    const rig = new Rig({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5 } } })
    rig.engines.stuck.add('a')
    const ordered = rig.sleep('b')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
  })

  test('for a switch, an order that needs a model to go that is stuck beside it on another GPU', () => {
    const rig = new Rig({ models: { a: { gpus: [0, 1] }, b: { gpus: [0] }, c: { gpus: [1], gpuShare: 0.1 } } })
    rig.awaken('a')
    rig.engines.stuck.add('c')
    const ordered = rig.switchTo('b')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
  })
})

test('rule 11: what happens to requests and transitions can be told from the events alone', () => {
  const rig = new Rig({ durations: { prepare: 1, wake: 20, sleep: 10 } })
  const waiting = new Set<number>()
  const running = new Map<number, string>()
  rig.events.on('request', ({ id, model, from, to }) => {
    if (from === 'queued') expect(waiting.delete(id)).toBe(true)
    if (from === 'granted') expect(running.delete(id)).toBe(true)
    if (to === 'queued') waiting.add(id)
    if (to === 'granted') running.set(id, model)
  })
  for (let turn = 0; turn < 100; turn++) {
    const asked = rig.ask('abc'[turn % 3]!, { onAnswer: ({ lease }) => { if (lease !== undefined) rig.clock.setTimeout(() => lease.release(), turn % 13) } })
    if (turn % 7 === 0) asked.leave()
    rig.clock.advance(3)
    const { models } = rig.switcher.status()
    expect(rig.switcher.status().waiting).toBe(waiting.size)
    for (const { id, inFlight } of models) expect(inFlight).toBe([...running.values()].filter(model => model === id).length)
    const last = rig.transitions.at(-1)
    expect(rig.switcher.status().transitions.map(({ phase }) => phase)).toEqual(last === undefined || last.to === 'idle' ? [] : [last.to])
  }
})
