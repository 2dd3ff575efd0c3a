import { describe, expect, test } from 'vitest'
import { StopError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

const second = 1_000

describe('idleTimeout', () => {
  test('puts a model to sleep at its own level when nobody has asked for it for so long', () => {
    const rig = new Rig({ models: { a: { idleTimeout: 5 * second } } })
    rig.awaken('a')
    rig.clock.advance(5 * second - 1)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1)
    expect(rig.engines.pending).toEqual(['sleep a'])
    expect(rig.transitions.at(-1)).toMatchObject({ to: 'evicting', reason: 'no request for it for 5000 ms' })
    rig.engines.completeAll()
    expect([rig.awake, rig.clock.pending]).toEqual([[], 0])
  })

  test('counts from the end of the last request, and not at all while one runs', () => {
    const rig = new Rig({ models: { a: { idleTimeout: 5 * second } } })
    rig.awaken('a')
    rig.clock.advance(4 * second)
    const long = rig.ask('a')
    rig.clock.advance(60 * second)
    expect(rig.awake).toEqual(['a'])
    long.lease!.release()
    rig.clock.advance(5 * second - 1)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1)
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('serves a request that arrives while it goes to sleep', () => {
    const rig = new Rig({ models: { a: { idleTimeout: second } } })
    rig.awaken('a')
    rig.clock.advance(second)
    const asked = rig.ask('a')
    expect([asked.waiting, rig.engines.pending]).toEqual([true, ['sleep a']])
    rig.engines.completeAll()
    expect(asked.lease).toBeDefined()
  })

  test('a request that arrives during the decision keeps it awake', () => {
    const rig = new Rig({ models: { a: { idleTimeout: second } } })
    rig.awaken('a')
    let late: ReturnType<Rig['ask']> | undefined
    rig.events.on('transition', ({ to }) => { if (to === 'draining') late ??= rig.ask('a') })
    rig.clock.advance(second)
    expect(rig.transitions.at(-1)).toMatchObject({ to: 'idle', reason: 'it is asked for again' })
    expect([late!.answers, rig.engines.pending]).toEqual([['granted'], []])
  })

  test('not while it is pinned or switching is paused, but then', () => {
    const rig = new Rig({ models: { a: { idleTimeout: second } } })
    rig.awaken('a')
    rig.switcher.controls.pin('a')
    rig.clock.advance(2 * second)
    rig.switcher.controls.pause('switching')
    rig.switcher.controls.unpin()
    expect(rig.engines.pending).toEqual([])
    rig.switcher.controls.resume()
    expect(rig.engines.pending).toEqual(['sleep a'])
  })

  test('a sleep that leaves processes behind is not tried again and again', () => {
    const rig = new Rig({ models: { a: { idleTimeout: second } } })
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'stuck'))
    rig.clock.advance(second)
    rig.engines.completeAll()
    rig.clock.advance(60 * second)
    expect(rig.engines.history.filter(call => call.startsWith('sleep'))).toHaveLength(1)
  })
})

describe('idleStopTimeout', () => {
  test('ends the processes later, also of a model that was put to sleep for another', () => {
    const rig = new Rig({ models: { a: { idleTimeout: 2 * second, idleStopTimeout: 10 * second }, b: {} } })
    rig.awaken('a')
    rig.clock.advance(2 * second)
    rig.engines.completeAll()
    rig.clock.advance(8 * second - 1)
    expect(rig.engines.history.at(-1)).toBe('sleep a')
    rig.clock.advance(1)
    rig.engines.completeAll()
    expect(rig.engines.history.at(-1)).toBe('sleep a 3')
    rig.clock.advance(100 * second)
    expect(rig.engines.history.filter(call => call === 'sleep a 3')).toHaveLength(1)

    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(10 * second)
    rig.engines.completeAll()
    expect(rig.engines.history.slice(-1)).toEqual(['sleep a 3'])
    expect(rig.awake).toEqual(['b'])
  })

  test('does nothing to a model that was never started, has died, or was stopped by hand', () => {
    const rig = new Rig({ models: { a: { idleStopTimeout: second }, b: { idleStopTimeout: second }, c: { idleStopTimeout: second, gpus: [1] } } })
    rig.awaken('b')
    rig.engines.die('b')
    rig.awaken('c')
    rig.sleep('c', 3)
    rig.engines.completeAll()
    const calls = rig.engines.history.length
    rig.clock.advance(10 * second)
    expect(rig.engines.history).toHaveLength(calls)
  })
})

describe('keepAwake', () => {
  const models = { a: { keepAwake: true }, b: {}, c: { idleTimeout: 3 * second } }

  test('brings a model back when the one in its place has been idle for 10 s', () => {
    const rig = new Rig({ models })
    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(10 * second - 1)
    expect(rig.awake).toEqual(['b'])
    rig.clock.advance(1)
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['a'])
    expect(rig.transitions.at(-1)).toMatchObject({ model: 'a', reason: 'it is kept awake' })
    rig.clock.advance(1_000 * second)
    expect(rig.awake).toEqual(['a'])
  })

  test('goes by the idleTimeout of the one in its place, if it has one', () => {
    const rig = new Rig({ models })
    rig.awaken('a')
    rig.awaken('c')
    rig.clock.advance(3 * second)
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['a'])
  })

  test('not before its first start, and not while the other one is in use or waited for', () => {
    const rig = new Rig({ models })
    const running = rig.ask('b')
    rig.engines.completeAll()
    rig.clock.advance(60 * second)
    expect(rig.awake).toEqual(['b'])
    running.lease!.release()
    rig.awaken('a')
    const again = rig.ask('b')
    rig.engines.completeAll()
    rig.clock.advance(60 * second)
    expect([rig.awake, again.lease?.ended]).toEqual([['b'], false])
  })

  test('a request for the other model during the check stops it', () => {
    const rig = new Rig({ models })
    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(10 * second)
    expect(rig.engines.pending).toEqual(['prepare a'])
    const asked = rig.ask('b')
    expect(asked.lease).toBeDefined()
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['b'])
  })

  test('not while the one in its place is pinned, though that one is idle', () => {
    const rig = new Rig({ models: { a: { keepAwake: true }, b: {}, c: { gpus: [1] } } })
    rig.awaken('a')
    rig.awaken('b')
    rig.switcher.controls.pin('b')
    const [other, elsewhere] = [rig.ask('a'), rig.ask('c')]
    rig.engines.completeAll()
    rig.clock.advance(60 * second)
    expect([rig.awake, other.answers, elsewhere.answers]).toEqual([['b', 'c'], ['refused'], ['granted']])
    rig.switcher.controls.unpin()
    rig.engines.completeAll()
    expect([rig.awake, rig.transitions.at(-1)?.reason]).toEqual([['a', 'c'], 'it is kept awake'])
  })

  test('a request for a third model during the check stops the return, and has its turn', () => {
    const rig = new Rig({ models: { a: { keepAwake: true }, b: {}, c: {}, d: { gpus: [1] } } })
    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(10 * second)
    expect(rig.engines.pending).toEqual(['prepare a'])
    const elsewhere = rig.ask('d')
    const asked = rig.ask('c')
    rig.engines.completeAll()
    expect([elsewhere.answers, asked.answers, rig.awake.includes('c')]).toEqual([['granted'], ['granted'], true])
    expect(rig.engines.history.filter(call => call === 'wake a')).toHaveLength(1)
  })

  test('a request for a model on other GPUs does not stop the return', () => {
    const rig = new Rig({ models: { a: { keepAwake: true }, b: {}, d: { gpus: [1] } } })
    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(10 * second)
    rig.ask('d')
    rig.engines.completeAll()
    expect(rig.awake.sort()).toEqual(['a', 'd'])
  })

  test('two that are kept awake do not drive each other out', () => {
    const rig = new Rig({ models: { a: { keepAwake: true }, b: { keepAwake: true } } })
    rig.awaken('a')
    rig.awaken('b')
    rig.clock.advance(1_000 * second)
    expect([rig.awake, rig.engines.history.filter(call => call.startsWith('wake'))]).toEqual([['b'], ['wake a', 'wake b']])
  })

  test('stays away after it was put to sleep by hand, until it is asked for again', () => {
    const rig = new Rig({ models })
    rig.awaken('a')
    rig.sleep('a')
    rig.engines.completeAll()
    rig.clock.advance(60 * second)
    expect(rig.awake).toEqual([])
  })

  test('is brought back after its death, and a start that fails is not repeated at once', () => {
    const rig = new Rig({ models })
    rig.awaken('a')
    rig.engines.die('a')
    rig.engines.failNext('wake', 'a', new Error('no memory'))
    rig.clock.advance(10 * second - 1)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1)
    expect(rig.engines.pending).toEqual(['wake a'])
    rig.engines.completeAll()
    rig.clock.advance(10 * second - 1)
    expect([rig.engines.pending, rig.awake]).toEqual([[], []])
    rig.clock.advance(1)
    rig.engines.completeAll()
    expect(rig.awake).toEqual(['a'])
  })
})

test('a model that is idle for both its times at once is stopped, not put to sleep first', () => {
  const rig = new Rig({ models: { a: { idleTimeout: second, idleStopTimeout: 2 * second } } })
  rig.awaken('a')
  rig.switcher.controls.pause('switching')
  rig.clock.advance(5 * second)
  rig.switcher.controls.resume()
  rig.engines.completeAll()
  expect(rig.engines.history.slice(1)).toEqual(['sleep a 3'])
})

test('a switcher that closes leaves no timer of idleness', () => {
  const rig = new Rig({ models: { a: { idleTimeout: second }, b: { gpus: [1], keepAwake: true } } })
  rig.awaken('a')
  rig.switcher.close()
  rig.clock.advance(60 * second)
  expect([rig.clock.pending, rig.engines.history]).toEqual([0, ['wake a']])
})
