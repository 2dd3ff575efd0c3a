// What scheduling.md says of the executor: it matters as much as the policy.
import { describe, expect, test, vi } from 'vitest'
import { mustGo } from '../../../lib/switcher/placement.ts'
import { fifo } from '../../../lib/switcher/policy/fifo.ts'
import { stay } from '../../../lib/switcher/policy/policy.ts'
import type { Policy, Snapshot } from '../../../lib/switcher/policy/policy.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

/** A policy that does as it is told, and can be asked how often it was asked. */
function obedient () {
  let target: string | undefined
  let lookAgainAt: number | undefined
  const policy = vi.fn((snapshot: Snapshot) => {
    const candidate = snapshot.models.find(({ id, waiting, held, awakeSince }) => id === target && waiting > 0 && !held && awakeSince === undefined)
    const evict = candidate && mustGo(candidate, snapshot.models)
    return evict === undefined ? stay(lookAgainAt) : { wake: target, evict, lookAgainAt: undefined }
  }) satisfies Policy
  return {
    policy,
    aim: (id: string | undefined) => { target = id },
    lookAgain: (time: number | undefined) => { lookAgainAt = time }
  }
}

function setUp () {
  const will = obedient()
  const rig = new Rig({ policy: will.policy })
  will.aim('a')
  rig.awaken('a')
  will.aim(undefined)
  will.policy.mockClear()
  return { rig, ...will }
}

describe('one decision point: the policy is asked', () => {
  test('on every arrival', () => {
    const { rig, policy } = setUp()
    rig.ask('b')
    expect(policy).toHaveBeenCalledTimes(1)
    rig.ask('a')
    expect(policy).toHaveBeenCalledTimes(2)
    expect(policy.mock.lastCall![0]).toMatchObject({ now: rig.clock.now(), models: [{ id: 'a', inFlight: 1 }, { id: 'b', waiting: 1 }, { id: 'c' }] })
  })

  test('on every release', () => {
    const { rig, policy } = setUp()
    const running = rig.ask('a')
    rig.ask('b')
    policy.mockClear()
    running.lease!.release()
    expect(policy).toHaveBeenCalledTimes(1)
    expect(policy.mock.lastCall![0].models[0]).toMatchObject({ id: 'a', inFlight: 0 })
  })

  test('on every release while frozen requests wait, even if its model has others', () => {
    const { policy } = obedient()
    const rig = new Rig({ models: { a: { freeze: true }, b: {}, c: {} }, policy, keeping: true })
    rig.switchTo('a')
    rig.engines.completeAll()
    const frozen = rig.ask('a')
    rig.switchTo('b')
    rig.engines.completeAll()
    expect(frozen.lease!.frozen).toBe(true)
    const running = rig.ask('b')
    rig.ask('b')
    policy.mockClear()
    running.lease!.release()
    expect(policy).toHaveBeenCalledTimes(1)
    expect(policy.mock.lastCall![0].models).toMatchObject([{ id: 'a', frozen: 1 }, { id: 'b', inFlight: 1 }, { id: 'c' }])
  })

  test('on every cancellation', () => {
    const { rig, policy } = setUp()
    rig.ask('b')
    const second = rig.ask('b')
    policy.mockClear()
    second.leave()
    expect(policy).toHaveBeenCalledTimes(1)
    expect(policy.mock.lastCall![0].models[1]).toMatchObject({ id: 'b', waiting: 1 })
  })

  test('on every activation', () => {
    const { rig, policy, aim } = setUp()
    aim('b')
    rig.ask('b')
    rig.ask('c')
    rig.engines.complete('prepare', 'b')
    rig.engines.complete('sleep', 'a')
    aim(undefined)
    policy.mockClear()
    rig.engines.complete('wake', 'b')
    expect(policy).toHaveBeenCalledTimes(1)
    expect(policy.mock.lastCall![0].models).toMatchObject([{ awakeSince: undefined }, { id: 'b', awakeSince: rig.clock.now(), inFlight: 1 }, { waiting: 1 }])
  })

  test('when an engine dies', () => {
    const { rig, policy } = setUp()
    rig.ask('b')
    policy.mockClear()
    rig.engines.die('a')
    expect(policy).toHaveBeenCalledTimes(1)
    expect(policy.mock.lastCall![0].models[0]).toMatchObject({ id: 'a', awakeSince: undefined, onGpu: false })
  })

  test('when its own time to look again comes, though nothing has happened', () => {
    const { rig, policy, lookAgain, aim } = setUp()
    lookAgain(rig.clock.now() + 500)
    const asked = rig.ask('b')
    policy.mockClear()
    aim('b')
    rig.clock.advance(499)
    expect(policy).not.toHaveBeenCalled()
    rig.clock.advance(1)
    expect(policy).toHaveBeenCalledTimes(1)
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
  })

  test('but not when nobody waits, or only for a model that is awake or on its way', () => {
    const rig = new Rig({ models: { a: { maxConcurrency: 1 } } })
    const policy = vi.fn(fifo({ type: 'fifo', minActive: 0 }))
    const other = new Rig({ models: { a: { maxConcurrency: 1 } }, policy })
    other.awaken('a')
    policy.mockClear()
    const first = other.ask('a')
    other.ask('a')
    first.lease!.release()
    expect(policy).not.toHaveBeenCalled()
    rig.ask('a')
    rig.ask('a')
    expect(rig.engines.history).toEqual(['wake a'])
  })
})

describe('no switch is ever queued', () => {
  test('a hundred requests for a hundred turns make one transition at a time', () => {
    const rig = new Rig()
    rig.awaken('a')
    for (let i = 0; i < 100; i++) rig.ask(i % 2 === 0 ? 'b' : 'c')
    expect(rig.engines.pending).toEqual(['prepare b'])
    expect(rig.switcher.status().transitions).toHaveLength(1)
  })

  test('what was true when a request came does not matter when its turn comes', () => {
    const rig = new Rig()
    rig.awaken('a')
    rig.ask('b', { onAnswer: ({ lease }) => lease?.release() })
    const [second, third] = [rig.ask('c'), rig.ask('a')]
    second.leave()
    rig.engines.completeAll()
    expect(third.answers).toEqual(['granted'])
    expect(rig.engines.history.filter(call => call.endsWith('c'))).toEqual([])
  })
})

describe('the awake model keeps serving until the drain really starts', () => {
  test('while the policy waits, and while the next one is checked', () => {
    const rig = new Rig({ minActive: 1_000 })
    rig.awaken('a')
    rig.ask('b')
    expect(rig.ask('a').answers).toEqual(['granted'])
    rig.clock.advance(1_000)
    expect(rig.engines.pending).toEqual(['prepare b'])
    expect(rig.ask('a').answers).toEqual(['granted'])
    rig.engines.complete('prepare', 'b')
    expect(rig.ask('a').waiting).toBe(true)
  })
})

test('a policy that contradicts itself at once is not asked forever: what it said first is done', () => {
  const { rig, policy } = setUp()
  rig.clock.advance(10)
  policy.mockImplementation(snapshot => {
    const contradicts = policy.mock.calls.length % 2 === 0
    return contradicts ? stay() : { wake: 'b', evict: mustGo(snapshot.models[1]!, snapshot.models)!, lookAgainAt: undefined }
  })
  rig.switcher.sleep('a', 1, { done: () => {}, failed: () => {} })
  rig.engines.completeAll()
  policy.mockClear()
  rig.ask('b')
  expect(rig.engines.pending).toEqual(['wake b'])
})

describe('it is decided again when the drain ends', () => {
  function draining () {
    const world = setUp()
    const running = world.rig.ask('a')
    world.aim('b')
    const forB = world.rig.ask('b')
    const forC = world.rig.ask('c')
    world.rig.engines.complete('prepare', 'b')
    return { ...world, running, forB, forC }
  }

  test('for whom', () => {
    const { rig, aim, running, forB, forC } = draining()
    aim('c')
    running.lease!.release()
    expect(rig.engines.pending).toEqual(['prepare c'])
    expect(rig.ask('a').waiting).toBe(true)
    rig.engines.completeAll()
    expect(forC.answers).toEqual(['granted'])
    expect(forB.waiting).toBe(true)
    expect(rig.engines.history).not.toContain('wake b')
  })

  test('whether at all', () => {
    const { rig, aim, running } = draining()
    const held = rig.ask('a')
    expect(held.waiting).toBe(true)
    aim(undefined)
    running.lease!.release()
    expect(held.answers).toEqual(['granted'])
    expect(rig.engines.history).toEqual(['wake a', 'prepare b'])
    expect(rig.transitions.at(-1)).toMatchObject({ from: 'draining', to: 'idle', reason: 'something else takes precedence' })
  })

  test('and not for nobody', () => {
    const { rig, running, forB } = draining()
    forB.leave()
    expect(rig.transitions.at(-1)).toMatchObject({ from: 'draining', to: 'idle', reason: 'no request waits for it any more' })
    expect(rig.ask('a').answers).toEqual(['granted'])
    expect(running.lease!.ended).toBe(false)
  })

  test('with another model that may stay: its waiters are admitted at once', () => {
    const will = obedient()
    let evict = ['d']
    const rig = new Rig({
      models: { a: { gpuShare: 0.5 }, d: { gpuShare: 0.5 }, b: { gpuShare: 0.5 } },
      policy: snapshot => {
        const decision = will.policy(snapshot)
        return decision.wake === 'b' ? { ...decision, evict } : decision
      }
    })
    for (const id of ['a', 'd']) {
      will.aim(id)
      rig.awaken(id)
    }
    const running = rig.ask('d')
    will.aim('b')
    rig.ask('b')
    rig.engines.complete('prepare', 'b')
    const waiting = rig.ask('d')
    evict = ['a']
    expect(waiting.waiting).toBe(true)
    running.lease!.release()
    // a is to go now; d serves again, though the check for b is not over.
    expect(rig.engines.pending).toEqual(['prepare b'])
    expect(waiting.answers).toEqual(['granted'])
  })

  test('with only what concerns its own GPUs: a transition does not jump to another', () => {
    const will = obedient()
    const rig = new Rig({ models: { a: {}, b: {}, c: { gpus: [1] }, d: { gpus: [1] } }, policy: will.policy })
    for (const id of ['a', 'c']) {
      will.aim(id)
      rig.awaken(id)
    }
    const running = rig.ask('a')
    will.aim('b')
    const forB = rig.ask('b')
    rig.engines.complete('prepare', 'b')
    will.aim('d')
    const views: Snapshot[] = []
    will.policy.mockClear()
    running.lease!.release()
    views.push(...will.policy.mock.calls.map(([snapshot]) => snapshot))
    expect(views[0]!.models.filter(({ held }) => held).map(({ id }) => id)).toEqual(['c', 'd'])
    will.aim('b')
    rig.ask('d')
    rig.engines.completeAll()
    expect(forB.answers).toEqual(['granted'])
  })
})

describe('bounds are kept by a timer, not by the next arrival', () => {
  test('minActive', () => {
    const rig = new Rig({ minActive: 5_000 })
    rig.awaken('a')
    const asked = rig.ask('b')
    rig.clock.advance(4_999)
    expect(rig.engines.pending).toEqual([])
    rig.clock.advance(1)
    rig.engines.completeAll()
    expect(asked.answers).toEqual(['granted'])
  })

  test('there is one such timer, however often it is decided', () => {
    const rig = new Rig({ minActive: 5_000 })
    rig.awaken('a')
    for (let i = 0; i < 50; i++) rig.ask('b')
    expect(rig.clock.pending).toBe(51)
  })

  test('it goes with the last waiter', () => {
    const rig = new Rig({ minActive: 5_000 })
    rig.awaken('a')
    const asked = [rig.ask('b'), rig.ask('b')]
    asked.forEach(({ leave }) => leave())
    expect(rig.clock.pending).toBe(0)
  })

  test('a policy that wants to look again at once, again and again, does not stop the time', () => {
    const policy = vi.fn(({ now }: Snapshot) => stay(now))
    const rig = new Rig({ policy })
    rig.ask('a')
    rig.clock.advance(10)
    expect(policy).toHaveBeenCalledTimes(11)
  })
})

test('a wake lets in the whole queue of the woken model', () => {
  const rig = new Rig()
  const asked = Array.from({ length: 200 }, () => rig.ask('a'))
  rig.ask('b')
  rig.engines.complete('wake', 'a')
  expect(asked.every(({ answers }) => answers.join() === 'granted')).toBe(true)
})

test('reports a failing policy, and fifo decides', () => {
  const rig = new Rig({ policy: () => { throw new Error('oh') } })
  const asked = rig.ask('a')
  expect(rig.warnings[0]).toMatchObject({ time: rig.clock.now(), model: undefined, error: { code: 'LLMUX_ERR_POLICY' } })
  rig.engines.completeAll()
  expect(asked.answers).toEqual(['granted'])
})
