import { describe, expect, test } from 'vitest'
import { StopError } from '../../../lib/errors.ts'
import type { SwitchedModel } from '../../../lib/switcher/slot.ts'
import { model, Rig } from '../../helpers/switcher-rig.ts'

/** Asks for another model in the place of one, or for none. */
function renew (rig: Rig, id: string, next: SwitchedModel | undefined, patience = 5_000) {
  const renewal = { answers: [] as string[], error: undefined as Error | undefined, settled: false }
  rig.switcher.roster.renew(id, {
    patience,
    leaving: () => next === undefined,
    settled: () => renewal.settled,
    next () {
      renewal.settled = true
      return next
    },
    done: () => { renewal.answers.push('done') },
    failed: error => {
      renewal.answers.push('failed')
      renewal.error = error
    }
  })
  return renewal
}

const ids = (rig: Rig) => rig.switcher.status().models.map(({ id }) => id)

test('a model that is added can be asked for', () => {
  const rig = new Rig({ models: { a: {} } })
  rig.switcher.roster.add(model('b'))
  const asked = rig.ask('b')
  rig.engines.completeAll()
  expect([asked.answers, ids(rig)]).toEqual([['granted'], ['a', 'b']])
})

describe('a model that is to go', () => {
  test('serves all who wait for it, drains, is stopped and is gone', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 }, b: {} } })
    const [first, second] = [rig.ask('a'), rig.ask('a')]
    rig.engines.completeAll()
    const gone = renew(rig, 'a', undefined)
    expect(rig.engines.pending).toEqual([])
    first.lease!.release()
    expect(second.lease?.ended).toBe(false)
    second.lease!.release()
    expect(rig.engines.history.at(-1)).toBe('sleep a 3')
    expect([gone.answers, ids(rig)]).toEqual([[], ['a', 'b']])
    rig.engines.completeAll()
    expect([gone.answers, ids(rig)]).toEqual([['done'], ['b']])
    expect(rig.ask('a').error).toMatchObject({ code: 'LLMUX_ERR_MODEL_NOT_FOUND' })
  })

  test('is cut at its limit if a request does not end', () => {
    const rig = new Rig({ models: { a: { drain: 1_000 } } })
    const endless = rig.ask('a')
    rig.engines.completeAll()
    const gone = renew(rig, 'a', undefined)
    rig.clock.advance(1_000)
    expect(endless.lease!.error).toMatchObject({ code: 'LLMUX_ERR_DRAIN_TIMEOUT' })
    rig.engines.completeAll()
    expect([gone.answers, rig.clock.pending]).toEqual([['done'], 0])
  })

  test('goes at once, and without a word, if it was never started', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    expect(renew(rig, 'a', undefined).answers).toEqual(['done'])
    expect([ids(rig), rig.engines.history, rig.transitions]).toEqual([['b'], [], []])
  })

  test('stays for who comes back because its engine died', () => {
    const rig = new Rig({ models: { a: {} } })
    const asked = rig.ask('a')
    rig.engines.completeAll()
    const since = rig.clock.now()
    const gone = renew(rig, 'a', undefined)
    expect(rig.phases.at(-1)).toBe('a: idle → draining')
    asked.lease!.release()
    const answers: string[] = []
    rig.switcher.request('a', 0, { granted: lease => { answers.push('granted'); lease.release() }, refused: () => answers.push('refused') }, { comeback: { since, suspect: false } })
    rig.engines.completeAll()
    expect([answers, gone.answers, ids(rig)]).toEqual([['granted'], ['done'], []])
  })

  test('is still there if its processes cannot be ended', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.awaken('a')
    rig.engines.failNext('sleep', 'a', new StopError('a', 'stuck'))
    const gone = renew(rig, 'a', undefined)
    rig.engines.completeAll()
    expect([gone.answers, ids(rig)]).toEqual([['failed'], ['a', 'b']])
    expect(rig.ask('b').error).toMatchObject({ code: 'LLMUX_ERR_GPU_BLOCKED' })
  })

  test('is pinned no more', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.switcher.controls.pin('a')
    renew(rig, 'a', undefined)
    expect(rig.switcher.status().pinned).toEqual([])
  })
})

describe('a model that is replaced', () => {
  test('waits for a moment without a request in flight, is stopped, and started anew since nobody else wants the place', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    const running = rig.ask('a')
    rig.engines.completeAll()
    const renewal = renew(rig, 'a', model('a', { maxConcurrency: 1 }))
    expect(rig.ask('a').lease?.release()).toBeUndefined()
    expect(rig.engines.history.at(-1)).toBe('wake a')
    running.lease!.release()
    const meanwhile = rig.ask('a')
    rig.engines.completeAll()
    expect([renewal.answers, meanwhile.answers, rig.engines.history]).toEqual([['done'], ['granted'], ['wake a', 'sleep a 3', 'wake a']])
    expect(rig.ask('a').waiting).toBe(true)
  })

  test('drains when its patience ends: later requests wait for the new one', () => {
    const rig = new Rig({ models: { a: {} } })
    const running = rig.ask('a')
    rig.engines.completeAll()
    const renewal = renew(rig, 'a', model('a'), 5_000)
    rig.clock.advance(4_999)
    expect(rig.ask('a').lease?.release()).toBeUndefined()
    rig.clock.advance(1)
    const late = rig.ask('a')
    expect([late.waiting, running.lease!.ended]).toEqual([true, false])
    running.lease!.release()
    rig.engines.completeAll()
    expect([renewal.answers, late.answers]).toEqual([['done'], ['granted']])
  })

  test('gives way to others who wait', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    const running = rig.ask('a')
    rig.engines.completeAll()
    renew(rig, 'a', model('a'))
    const other = rig.ask('b')
    running.lease!.release()
    rig.engines.completeAll()
    expect([other.answers, rig.engines.history.includes('sleep a 3'), rig.awake]).toEqual([['granted'], true, ['b']])
  })

  test('does not start before requests that arrived while it stopped', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.awaken('a')
    renew(rig, 'a', model('a'))
    expect(rig.engines.history.at(-1)).toBe('sleep a 3')
    const other = rig.ask('b')
    rig.engines.completeAll()
    expect([other.answers, rig.engines.history]).toEqual([['granted'], ['wake a', 'sleep a 3', 'wake b']])
  })

  test('is awake again before anybody asks for it, if it was awake', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.awaken('a')
    const renewal = renew(rig, 'a', model('a'))
    rig.engines.completeAll()
    expect([renewal.answers, rig.engines.history, rig.awake]).toEqual([['done'], ['wake a', 'sleep a 3', 'wake a'], ['a']])
  })

  test.for([
    { before: true, after: true, awake: ['a'] },
    { before: true, after: false, awake: [] },
    { before: false, after: true, awake: [] }
  ])('is kept awake if both the old and the new one are: $before, $after', ({ before, after, awake }) => {
    const rig = new Rig({ models: { a: { keepAwake: before }, b: {} } })
    rig.awaken('a')
    rig.awaken('b')
    renew(rig, 'a', model('a', { keepAwake: after }))
    rig.engines.completeAll()
    rig.sleep('b')
    rig.engines.completeAll()
    rig.clock.advance(60_000)
    rig.engines.completeAll()
    expect(rig.awake).toEqual(awake)
  })

  test('is left alone if there is no reason any more when its time comes', () => {
    const rig = new Rig({ models: { a: {} } })
    const running = rig.ask('a')
    rig.engines.completeAll()
    const renewal = renew(rig, 'a', model('a'))
    renewal.settled = true
    running.lease!.release()
    expect([renewal.answers, rig.engines.history]).toEqual([['done'], ['wake a']])
  })

  test('while it sleeps, is stopped and not started', () => {
    const rig = new Rig({ models: { a: {}, b: {} } })
    rig.awaken('a')
    rig.awaken('b')
    const renewal = renew(rig, 'a', model('a'))
    rig.engines.completeAll()
    expect([renewal.answers, rig.engines.history.at(-1), rig.awake]).toEqual([['done'], 'sleep a 3', ['b']])
  })
})

test('what has not been done when the switcher closes is told to fail, and no timer is left', () => {
  const rig = new Rig({ models: { a: {} } })
  const running = rig.ask('a')
  rig.engines.completeAll()
  const renewal = renew(rig, 'a', model('a'))
  rig.switcher.close()
  running.lease!.release()
  expect([renewal.answers, renewal.error, rig.clock.pending]).toEqual([['failed'], expect.objectContaining({ code: 'LLMUX_ERR_CLOSING' }), 0])
})
