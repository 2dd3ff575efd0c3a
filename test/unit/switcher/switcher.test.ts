import { describe, expect, test } from 'vitest'
import { ClosingError, ModelNotFoundError, StopError, WakeError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

describe('a request', () => {
  test('for a sleeping model wakes it, and is granted a lease as soon as it is awake', () => {
    const rig = new Rig()
    const asked = rig.ask('a')
    expect(rig.engines.pending).toEqual(['wake a'])
    expect(asked.waiting).toBe(true)
    rig.engines.complete('wake', 'a')
    expect(asked.answers).toEqual(['granted'])
    expect(asked.lease).toMatchObject({ model: 'a', ended: false })
    expect(rig.awake).toEqual(['a'])
  })

  test('for the awake model is granted at once', () => {
    const rig = new Rig()
    rig.awaken('a')
    expect(rig.ask('a').answers).toEqual(['granted'])
    expect(rig.engines.pending).toEqual([])
  })

  test('for another model waits until the awake one has drained and sleeps', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const asked = rig.ask('b')
    expect(rig.engines.pending).toEqual(['prepare b'])
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual([])
    running.lease!.release()
    expect(rig.engines.pending).toEqual(['sleep a'])
    rig.engines.complete('sleep', 'a')
    expect(rig.engines.pending).toEqual(['wake b'])
    expect(asked.waiting).toBe(true)
    rig.engines.complete('wake', 'b')
    expect(asked.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['b'])
  })

  test('above the concurrency of its model waits for a lease to come back, and the oldest goes first', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 2 } } })
    const asked = [1, 2, 3, 4].map(() => rig.ask('a'))
    rig.engines.complete('wake', 'a')
    expect(asked.map(({ waiting }) => waiting)).toEqual([false, false, true, true])
    asked[1]!.lease!.release()
    expect(asked.map(({ waiting }) => waiting)).toEqual([false, false, false, true])
  })

  test('for a model that is not there, or has gone, is refused', () => {
    const rig = new Rig()
    expect(rig.ask('nobody')).toMatchObject({ answers: ['refused'], error: { code: 'LLMUX_ERR_MODEL_NOT_FOUND' } })
    expect(() => rig.switchTo('nobody')).toThrow(ModelNotFoundError)
    expect(() => rig.sleep('nobody')).toThrow(ModelNotFoundError)
  })
})

describe('switchTo', () => {
  test('makes a model awake that nobody waits for', () => {
    const rig = new Rig()
    const ordered = rig.switchTo('b')
    expect(ordered.answers).toEqual([])
    rig.engines.complete('wake', 'b')
    expect(ordered.answers).toEqual(['done'])
    expect(rig.awake).toEqual(['b'])
  })

  test('does nothing for the model that is awake', () => {
    const rig = new Rig()
    rig.awaken('a')
    expect(rig.switchTo('a').answers).toEqual(['done'])
    expect(rig.engines.pending).toEqual([])
  })

  test('drains the awake model first', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const ordered = rig.switchTo('b')
    rig.engines.complete('prepare', 'b')
    expect(rig.engines.pending).toEqual([])
    running.lease!.release()
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.awake).toEqual(['b'])
  })

  test('fails with the engine\'s error', () => {
    const rig = new Rig()
    const error = new WakeError('b', 'no memory')
    rig.engines.failNext('wake', 'b', error)
    const ordered = rig.switchTo('b')
    rig.engines.completeAll()
    expect(ordered).toEqual({ answers: ['failed'], error })
  })

  test('fails alone: what else was asked for is done', () => {
    const rig = new Rig()
    rig.engines.failNext('wake', 'a', new Error('broken'))
    const [first, again, other, sleep] = [rig.switchTo('a'), rig.switchTo('a'), rig.switchTo('b'), rig.sleep('a')]
    rig.engines.completeAll()
    expect([first, again, other, sleep].map(({ answers }) => answers)).toEqual([['failed'], ['failed'], ['done'], ['done']])
    expect(rig.awake).toEqual(['b'])
  })

  test('that is asked for twice is answered twice, by one start', () => {
    const rig = new Rig()
    const ordered = [rig.switchTo('b'), rig.switchTo('b')]
    rig.engines.completeAll()
    expect(ordered.map(({ answers }) => answers)).toEqual([['done'], ['done']])
    expect(rig.engines.history).toEqual(['wake b'])
  })
})

describe('sleep', () => {
  test('drains the model and puts it to sleep at the level asked for', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const ordered = rig.sleep('a', 2)
    expect(rig.engines.pending).toEqual([])
    expect(ordered.answers).toEqual([])
    running.lease!.release()
    expect(rig.engines.history.at(-1)).toBe('sleep a 2')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
    expect(rig.awake).toEqual([])
  })

  test('leaves the level to the model if none is named', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.sleep('a')
    expect(rig.engines.history.at(-1)).toBe('sleep a')
  })

  test('is undone by a waiting request: the model wakes again', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    const ordered = rig.sleep('a')
    const asked = rig.ask('a')
    expect(asked.waiting).toBe(true)
    running.lease!.release()
    rig.engines.complete('sleep', 'a')
    expect(ordered.answers).toEqual(['done'])
    rig.engines.complete('wake', 'a')
    expect(asked.answers).toEqual(['granted'])
  })

  test('fails when the engine cannot be ended', () => {
    const rig = new Rig()
    rig.awaken('a')
    const error = new StopError('a', 'still there')
    rig.engines.failNext('sleep', 'a', error)
    const ordered = rig.sleep('a')
    rig.engines.completeAll()
    expect(ordered).toEqual({ answers: ['failed'], error })
  })
})

describe('close', () => {
  test('refuses all who wait and all who come', () => {
    const rig = new Rig()
    const waiting = [rig.ask('a'), rig.ask('b')]
    rig.switcher.close()
    const late = rig.ask('a')
    for (const asked of [...waiting, late]) {
      expect(asked.answers).toEqual(['refused'])
      expect(asked.error).toBeInstanceOf(ClosingError)
    }
    expect(rig.switchTo('a').error).toBeInstanceOf(ClosingError)
    expect(rig.sleep('a').error).toBeInstanceOf(ClosingError)
  })

  test('leaves requests that run in peace, until they are cut', () => {
    const rig = new Rig()
    rig.awaken('a')
    const running = rig.ask('a')
    rig.switcher.close()
    expect(running.lease!.signal.aborted).toBe(false)
    const error = new ClosingError()
    rig.switcher.cut(error)
    expect(running.lease!.signal).toMatchObject({ aborted: true, reason: error })
    expect(rig.view('a').inFlight).toBe(0)
  })

  test('leaves no timer', () => {
    const rig = new Rig({ minActive: 5_000 })
    rig.awaken('a')
    rig.ask('a')
    rig.ask('b')
    expect(rig.clock.pending).toBeGreaterThan(0)
    rig.switcher.close()
    expect(rig.clock.pending).toBe(0)
  })
})

describe('the request that something is for', () => {
  const ask = (rig: Rig, id: string, request?: string) => rig.switcher.request(id, 0, { granted: lease => lease.release(), refused: () => {} }, { request })

  test('is named by its own steps, and by the switch that it causes: the one whose turn it is', () => {
    const rig = new Rig()
    ask(rig, 'a', 'req-1')
    ask(rig, 'a', 'req-2')
    expect(rig.switcher.status().transitions).toMatchObject([{ request: 'req-1' }])
    rig.engines.completeAll()
    expect(rig.transitions.map(({ to, request }) => [to, request])).toEqual(['draining', 'evicting', 'waking', 'idle'].map(to => [to, 'req-1']))
    expect(rig.requests.map(({ to, request }) => [to, request])).toEqual([
      ['queued', 'req-1'], ['queued', 'req-2'], ['granted', 'req-1'], ['released', 'req-1'], ['granted', 'req-2'], ['released', 'req-2']
    ])
    ask(rig, 'a', 'req-3')
    expect(rig.requests.slice(-2).map(({ from, request }) => [from, request])).toEqual([['arrived', 'req-3'], ['granted', 'req-3']])
  })

  test('is missing where there is none', () => {
    const rig = new Rig()
    ask(rig, 'a')
    rig.switchTo('b')
    rig.engines.completeAll()
    for (const change of [...rig.transitions, ...rig.requests]) expect(change).not.toHaveProperty('request')
  })
})

describe('how a switch ended', () => {
  const ends = (rig: Rig) => rig.transitions.filter(({ to }) => to === 'idle').map(({ wake, evict, outcome }) => [wake, evict.join(), outcome])

  test('is told at its end only: done, failed, or undone', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('b')
    rig.engines.completeAll()
    expect(ends(rig)).toEqual([['a', '', 'done'], ['b', 'a', 'done']])
    expect(rig.transitions.filter(({ to, outcome }) => to !== 'idle' && outcome !== undefined)).toEqual([])
  })

  test('is failed if the model could not be brought up', () => {
    const rig = new Rig()
    rig.engines.failNext('wake', 'a', new Error('no'))
    rig.ask('a')
    rig.engines.completeAll()
    expect(ends(rig)).toEqual([['a', '', 'failed']])
  })

  test('is undone if nobody waits any more', () => {
    const rig = new Rig()
    rig.awaken('a')
    const stream = rig.ask('a')
    const asked = rig.ask('b')
    rig.engines.completeAll()
    asked.leave()
    stream.lease!.release()
    expect(ends(rig).at(-1)).toEqual(['b', 'a', 'undone'])
  })

  test('is done if one was only to go', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.sleep('a')
    rig.engines.completeAll()
    expect(ends(rig).at(-1)).toEqual([undefined, 'a', 'done'])
  })
})
