import { describe, expect, test } from 'vitest'
import { RequestCutError } from '../../../lib/errors.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

describe('the requests that are not over', () => {
  test('are listed with their places, in the order of their turns', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    rig.clock.advance(50)
    rig.ask('b')
    rig.ask('b', { priority: 5 })
    rig.ask('b', { mayCauseSwitch: false })
    const { waiting, inFlight } = rig.switcher.requests.list(10)
    expect(inFlight).toMatchObject([{ model: 'a', since: rig.clock.now() - 50, output: 0 }])
    expect(waiting).toMatchObject([
      { model: 'b', position: 1, priority: 5, mayCauseSwitch: true, since: rig.clock.now() },
      { model: 'b', position: 2, priority: 0 },
      { model: 'b', position: 3, mayCauseSwitch: false }
    ])
    for (const { wait } of waiting) expect(wait).toBeGreaterThan(0)
  })

  test('are no more than asked for, of each model', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 5 }, b: {} } })
    rig.awaken('a')
    for (let count = 0; count < 10; count++) { rig.ask('a'); rig.ask('b') }
    const { waiting, inFlight } = rig.switcher.requests.list(3)
    expect(inFlight).toHaveLength(3)
    expect(waiting.map(({ model, position }) => `${model}${position}`)).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3'])
  })

  test('have the same estimate as each of them is told', () => {
    const rig = new Rig()
    rig.ask('c')
    for (let count = 0; count < 3; count++) rig.ask('b')
    const { waiting } = rig.switcher.requests.list(10)
    const newcomer = rig.switcher.outlook('b')!
    rig.ask('b')
    const last = rig.switcher.requests.list(10).waiting.findLast(({ model }) => model === 'b')!
    expect(waiting).toHaveLength(4)
    expect({ position: last.position, wait: last.wait }).toEqual(newcomer)
  })
})

describe('what the policy would do next', () => {
  test('is told with the time when it would be asked again', () => {
    const rig = new Rig({ minActive: 1_000 })
    rig.awaken('a')
    const awakeSince = rig.view('a').awakeSince!
    expect(rig.switcher.requests.list(1).next).toBeUndefined()
    rig.ask('b')
    expect(rig.switcher.requests.list(1).next).toMatchObject({ wake: undefined, lookAgainAt: awakeSince + 1_000 })
  })

  test('is only asked: nothing comes of it, and a policy that fails is not reported twice', () => {
    const rig = new Rig({ policy: () => { throw new Error('no idea') } })
    rig.awaken('a')
    rig.switcher.controls.pause('switching')
    rig.ask('b')
    const { length } = rig.warnings
    expect(rig.switcher.requests.list(1).next).toMatchObject({ wake: 'b' })
    expect(rig.warnings).toHaveLength(length)
    expect(rig.awake).toEqual(['a'])
  })
})

describe('one request is ended by its number', () => {
  test('while it waits: it is refused, and leaves no trace', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('a')
    const other = rig.ask('b')
    const { id } = rig.switcher.requests.list(1).waiting[0]!
    expect(rig.switcher.requests.cut(id, new RequestCutError())).toBe(true)
    expect(other).toMatchObject({ answers: ['refused'], error: { code: 'LLMUX_ERR_REQUEST_CUT' } })
    expect(rig.switcher.status()).toMatchObject({ waiting: 0, transitions: [] })
    expect(rig.switcher.requests.cut(id, new RequestCutError())).toBe(false)
  })

  test('while it is in flight: its lease is taken away, and requests that waited for that continue', () => {
    const rig = new Rig()
    rig.awaken('a')
    const stuck = rig.ask('a')
    const other = rig.ask('b')
    const { id } = rig.switcher.requests.list(1).inFlight[0]!
    expect(rig.switcher.requests.cut(id, new RequestCutError())).toBe(true)
    expect(stuck.lease).toMatchObject({ ended: true, error: { code: 'LLMUX_ERR_REQUEST_CUT' } })
    rig.engines.completeAll()
    expect(other.lease).toBeDefined()
  })
})
