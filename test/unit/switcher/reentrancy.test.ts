// Whoever is answered, or listens to events, may call the switcher in the midst of a decision, and may throw.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ClosingError, WakeError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'
import type { Asked } from '../../helpers/switcher-rig.ts'

afterEach(() => { vi.restoreAllMocks() })

/** The errors that reach the process by the next turn of the event loop, kept from ending it. */
function uncaught (): { errors: () => Promise<unknown[]> } {
  const errors: unknown[] = []
  const { nextTick } = process
  vi.spyOn(process, 'nextTick').mockImplementation(((callback: (...args: any[]) => void, ...args: unknown[]) => nextTick(() => {
    try {
      callback(...args)
    } catch (error) {
      errors.push(error)
    }
  })) as typeof nextTick)
  return {
    errors: async () => {
      await new Promise(resolve => setImmediate(resolve))
      return errors
    }
  }
}

describe('a callback that gets a lease', () => {
  test('can give it back at once', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
    const asked = Array.from({ length: 5 }, () => rig.ask('a', { onAnswer: ({ lease }) => lease!.release() }))
    rig.engines.complete('wake', 'a')
    expect(asked.every(({ lease }) => lease!.ended)).toBe(true)
    expect(rig.view('a').inFlight).toBe(0)
  })

  test('can ask for another at once, of the same model or another', () => {
    const rig = new Rig()
    const more: Asked[] = []
    rig.ask('a', { onAnswer: ({ lease }) => { more.push(rig.ask('a'), rig.ask('b')); lease!.release() } })
    rig.engines.complete('wake', 'a')
    expect(more.map(({ answers }) => answers)).toEqual([['granted'], []])
    more[0]!.lease!.release()
    rig.engines.completeAll()
    expect(more[1]!.answers).toEqual(['granted'])
  })

  test('can close the switcher: those behind it are refused', () => {
    const rig = new Rig()
    const first = rig.ask('a', { onAnswer: () => rig.switcher.close() })
    const second = rig.ask('a')
    rig.engines.complete('wake', 'a')
    expect(first.answers).toEqual(['granted'])
    expect(second.error).toBeInstanceOf(ClosingError)
  })

  test('can send another away who waits', () => {
    const rig = new Rig()
    const others: Asked[] = []
    rig.ask('a', { onAnswer: () => others.forEach(({ leave }) => leave()) })
    others.push(rig.ask('a'), rig.ask('b'))
    rig.engines.completeAll()
    expect(others.map(({ answers }) => answers)).toEqual([[], []])
    expect(rig.engines.history).toEqual(['wake a'])
  })

  test('can throw: the others are served, and the process is told', async () => {
    const { errors } = uncaught()
    const rig = new Rig()
    const error = new Error('oh')
    rig.ask('a', { onAnswer: () => { throw error } })
    const second = rig.ask('a')
    rig.engines.complete('wake', 'a')
    expect(second.answers).toEqual(['granted'])
    expect(rig.ask('a').answers).toEqual(['granted'])
    rig.ask('a', { onAnswer: () => { throw error } })
    expect(await errors()).toEqual([error, error])
  })
})

describe('a callback that is refused', () => {
  test('can ask again at once, and is heard', () => {
    const rig = new Rig()
    rig.engines.failNext('wake', 'a', new WakeError('a', 'no memory'))
    const again: Asked[] = []
    rig.ask('a', { onAnswer: () => again.push(rig.ask('a')) })
    rig.engines.complete('wake', 'a')
    expect(again[0]!.waiting).toBe(true)
    rig.engines.complete('wake', 'a')
    expect(again[0]!.answers).toEqual(['granted'])
  })

  test('can ask again at once when its time is over, or the room is full', () => {
    const rig = new Rig({ limits: { maxQueue: 1 }, models: { a: { queue: 100 } } })
    const again: Asked[] = []
    rig.ask('a', { onAnswer: () => again.push(rig.ask('a')) })
    rig.ask('a', { onAnswer: () => again.push(rig.ask('a')) })
    expect(again[0]!.answers).toEqual(['refused'])
    rig.clock.advance(100)
    expect(again[1]!.waiting).toBe(true)
    expect(rig.switcher.status().waiting).toBe(1)
  })

  test('can throw: the others are refused too, and the process is told', async () => {
    const { errors } = uncaught()
    const rig = new Rig()
    const error = new Error('oh')
    rig.ask('a', { onAnswer: () => { throw error } })
    const second = rig.ask('a')
    rig.switcher.close()
    expect(second.answers).toEqual(['refused'])
    rig.ask('a', { onAnswer: () => { throw error } })
    expect(await errors()).toEqual([error, error])
  })
})

describe('a callback of an order', () => {
  test('can give the next one when it is done', () => {
    const rig = new Rig()
    const done: string[] = []
    rig.switcher.switchTo('a', {
      done: () => {
        done.push('a')
        rig.switcher.sleep('a', undefined, { done: () => done.push('sleep a'), failed: () => {} })
      },
      failed: () => {}
    })
    rig.engines.completeAll()
    expect(done).toEqual(['a', 'sleep a'])
    expect(rig.awake).toEqual([])
  })

  test('can give it again when it has failed, and is heard', () => {
    const rig = new Rig()
    rig.engines.failNext('wake', 'a', new WakeError('a', 'no memory'))
    let again: ReturnType<Rig['switchTo']> | undefined
    rig.switcher.switchTo('a', { done: () => {}, failed: () => { again = rig.switchTo('a') } })
    const waiting = rig.ask('a')
    rig.engines.complete('wake', 'a')
    expect(waiting.answers).toEqual(['refused'])
    expect(again!.answers).toEqual([])
    rig.engines.completeAll()
    expect(again!.answers).toEqual(['done'])
  })

  test('is answered once, by one attempt, also when requests are refused with it', () => {
    const rig = new Rig()
    rig.engines.failNext('wake', 'a', new WakeError('a', 'no memory'))
    const ordered = [rig.switchTo('a'), rig.switchTo('a')]
    rig.ask('a')
    rig.engines.complete('wake', 'a')
    expect(ordered.map(({ answers }) => answers)).toEqual([['failed'], ['failed']])
    expect(rig.engines.history).toEqual(['wake a'])
  })

  test('can close the switcher: orders that wait are answered once', () => {
    const rig = new Rig()
    rig.switcher.switchTo('a', { done: () => rig.switcher.close(), failed: () => {} })
    const others = [rig.switchTo('b'), rig.sleep('a')]
    rig.engines.completeAll()
    expect(others.map(({ answers }) => answers)).toEqual([['failed'], ['failed']])
    expect(rig.engines.history).toEqual(['wake a'])
  })

  test('can throw: the switcher goes on, and the process is told', async () => {
    const { errors } = uncaught()
    const rig = new Rig()
    const error = new Error('oh')
    rig.switcher.switchTo('a', { done: () => { throw error }, failed: () => {} })
    const asked = rig.ask('a')
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
    expect(await errors()).toEqual([error])
  })
})

describe('a listener to events', () => {
  test('can throw: nothing is torn in half, and the process is told', async () => {
    const { errors } = uncaught()
    const rig = new Rig()
    const error = new Error('oh')
    rig.events.on('request', () => { throw error })
    rig.events.on('transition', () => { throw error })
    const asked = [rig.ask('a'), rig.ask('b')]
    rig.engines.complete('wake', 'a')
    asked[0]!.lease!.release()
    rig.engines.completeAll()
    expect(asked.map(({ answers }) => answers)).toEqual([['granted'], ['granted']])
    expect(await errors()).toContain(error)
  })

  test.each(['checking', 'draining', 'evicting', 'waking', 'idle'] as const)('can close the switcher when a transition is %s', phase => {
    const rig = new Rig()
    rig.awaken('a')
    rig.events.on('transition', ({ to }) => { if (to === phase) rig.switcher.close() })
    const asked = rig.ask('b')
    rig.engines.completeAll()
    expect(asked.error).toBeInstanceOf(ClosingError)
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, transitions: [] })
    expect(rig.clock.pending).toBe(0)
    expect(rig.awake).toEqual([...rig.engines.onGpu])
  })

  test.each(['checking', 'draining', 'evicting', 'waking', 'idle'] as const)('can take the only waiter away when a transition is %s: nobody is left draining', phase => {
    const rig = new Rig({ minActive: 100 })
    rig.awaken('a')
    rig.events.on('transition', ({ to }) => { if (to === phase) asked.leave() })
    const asked: Asked = rig.ask('b')
    rig.clock.advance(100)
    rig.engines.completeAll()
    asked.lease?.release()
    rig.clock.advance(100)
    const next = rig.ask('a')
    rig.engines.completeAll()
    expect(next.answers).toEqual(['granted'])
    expect(rig.awake).toEqual([...rig.engines.onGpu])
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, transitions: [] })
  })

  test('of warnings can close the switcher: it leaves no timer', () => {
    const rig = new Rig({ policy: () => { throw new Error('oh') }, minActive: 5_000 })
    rig.ask('a')
    rig.engines.completeAll()
    rig.events.on('warning', () => rig.switcher.close())
    const asked = rig.ask('b')
    expect(asked.error).toBeInstanceOf(ClosingError)
    rig.engines.completeAll()
    expect(rig.clock.pending).toBe(0)
  })

  test('can put a model to sleep as soon as it has served', () => {
    const rig = new Rig()
    rig.events.on('request', ({ to, model }) => { if (to === 'released') rig.sleep(model, 3) })
    const asked = rig.ask('a')
    rig.engines.completeAll()
    asked.lease!.release()
    rig.engines.completeAll()
    expect(rig.engines.history).toEqual(['wake a', 'sleep a 3'])
  })
})

describe('orders and the policy', () => {
  test('an order undoes the drain of the policy that is in its way', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    expect(rig.switcher.status().transitions).toMatchObject([{ wake: 'b', phase: 'draining' }])
    const ordered = rig.switchTo('c')
    expect(rig.switcher.status().transitions).toMatchObject([{ wake: 'c', phase: 'checking', reason: 'it was asked for' }])
    rig.engines.complete('prepare', 'c')
    running.lease!.release()
    rig.engines.complete('sleep', 'a')
    rig.engines.complete('wake', 'c')
    expect(ordered.answers).toEqual(['done'])
  })

  test('an order for the model that is awake stops its drain', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const held = rig.ask('a')
    expect(held.waiting).toBe(true)
    expect(rig.switchTo('a').answers).toEqual(['done'])
    expect(held.answers).toEqual(['granted'])
  })

  test('an order for the model that is about to be woken anyway changes nothing', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const ordered = rig.switchTo('b')
    running.lease!.release()
    rig.engines.completeAll()
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a', 'wake b'])
    expect(asked.answers).toEqual(['granted'])
    expect(ordered.answers).toEqual(['done'])
  })

  test('and holds when those leave for whom it was to be woken', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const ordered = rig.switchTo('b')
    asked.leave()
    rig.switcher.cut(new Error('enough'))
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.awake).toEqual(['b'])
  })

  test('a sleep of a model that is about to go anyway goes first', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const ordered = rig.sleep('a', 2)
    running.lease!.release()
    rig.engines.completeAll()
    expect(rig.engines.history).toEqual(['wake a', 'prepare b', 'sleep a 2', 'wake b'])
    expect(ordered.answers).toEqual(['done'])
    expect(asked.answers).toEqual(['granted'])
  })

  test('the policy leaves the GPUs of an order alone that cannot be carried out yet', () => {
    const rig = new Rig({ models: { a: {}, b: {}, c: { gpus: [1] }, both: { gpus: [0, 1] } } })
    rig.awaken('a')
    rig.ask('c')
    rig.switchTo('both')
    const asked = rig.ask('b')
    expect(rig.engines.pending).toEqual(['wake c'])
    expect(asked.waiting).toBe(true)
  })
})
