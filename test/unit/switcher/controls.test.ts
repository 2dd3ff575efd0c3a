import { describe, expect, test } from 'vitest'
import type { ControlChange } from '../../../lib/events.ts'
import { Rig } from '../../helpers/switcher-rig.ts'
import type { RigOptions } from '../../helpers/switcher-rig.ts'

function start (options?: RigOptions) {
  const rig = new Rig(options)
  const changes: ControlChange[] = []
  rig.events.on('control', change => changes.push(change))
  return { rig, changes, controls: rig.switcher.controls }
}

describe('a pinned model', () => {
  test('is not left by the policy, and those for whom it leaves no room are refused at once', () => {
    const { rig, controls } = start({ models: { a: { gpuShare: 0.6 }, b: {}, c: { gpuShare: 0.4 } } })
    rig.awaken('a')
    const early = rig.ask('b')
    controls.pin('a')
    const late = rig.ask('b')
    expect([early, late].map(({ error }) => error)).toEqual(Array.from({ length: 2 }, () => expect.objectContaining({ code: 'LLMUX_ERR_NO_ROOM', message: expect.stringContaining('beside `a`') })))
    expect(rig.ask('a').lease).toBeDefined()
    const beside = rig.ask('c')
    rig.engines.completeAll()
    expect(beside.lease).toBeDefined()
  })

  test('is left as soon as it is pinned no more', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    controls.pin('a')
    controls.unpin()
    const other = rig.ask('b')
    rig.engines.completeAll()
    expect(other.lease).toBeDefined()
  })

  test('may be pinned while it is asleep: it is stayed with from when it is awake', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    controls.pin('b')
    const [b, c] = [rig.ask('b'), rig.ask('c')]
    rig.engines.completeAll()
    b.lease!.release()
    expect([rig.awake, c.error?.message]).toEqual([['b'], 'model `c` cannot be awake: there is no room for it beside `b`, pinned or resident there'])
  })

  test('stops a switch away from it that has not gone too far', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    const running = rig.ask('a')
    rig.ask('b')
    rig.engines.complete('prepare')
    expect(rig.phases.at(-1)).toBe('b: checking → draining')
    controls.pin('a')
    expect(rig.transitions.at(-1)).toMatchObject({ to: 'idle', reason: 'a is pinned' })
    expect(rig.ask('a').lease).toBeDefined()
    running.lease!.release()
    expect(rig.awake).toEqual(['a'])
  })

  test('goes if that is asked for by hand, and stays pinned for when it is back', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    controls.pin('a')
    const ordered = rig.switchTo('b')
    rig.engines.completeAll()
    expect([ordered.answers, rig.awake, rig.switcher.status().pinned]).toEqual([['done'], ['b'], ['a']])
  })

  test('stands in the way only where it is: a second one beside it, or in its place', () => {
    const { rig, controls } = start({ models: { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5 }, c: {}, d: { gpus: [1] } } })
    controls.pin('a')
    controls.pin('b')
    controls.pin('d')
    expect(rig.switcher.status().pinned).toEqual(['a', 'b', 'd'])
    controls.pin('c')
    expect(rig.switcher.status().pinned).toEqual(['d', 'c'])
  })
})

describe('a pause of switching', () => {
  test('lets the awake model serve, and switches to nobody until it is over', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    controls.pause('switching')
    const other = rig.ask('b')
    expect(rig.ask('a').lease).toBeDefined()
    expect([rig.engines.pending, rig.switcher.status().paused]).toEqual([[], 'switching'])
    controls.resume()
    expect(rig.engines.pending).toEqual(['prepare b'])
    expect(other.waiting).toBe(true)
  })

  test('undoes a switch that drains, and lets one that has gone further come to its end', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    const running = rig.ask('a')
    const other = rig.ask('b')
    rig.engines.complete('prepare')
    controls.pause('switching')
    expect(rig.transitions.at(-1)).toMatchObject({ to: 'idle', reason: 'switching is paused' })
    controls.resume()
    running.lease!.release()
    rig.engines.complete('prepare')
    expect(rig.engines.pending).toEqual(['sleep a'])
    controls.pause('switching')
    rig.engines.completeAll()
    expect(other.lease).toBeDefined()
  })

  test('does not keep anybody from switching by hand', () => {
    const { rig, controls } = start()
    controls.pause('switching')
    const ordered = rig.switchTo('a')
    rig.engines.completeAll()
    expect(ordered.answers).toEqual(['done'])
  })
})

describe('a pause of traffic', () => {
  test('lets nobody in, leaves alone who is in, and lets all in afterwards in their order', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    const before = rig.ask('a')
    controls.pause('traffic')
    const waiting = [rig.ask('a'), rig.ask('a')]
    expect(waiting.map(({ waiting }) => waiting)).toEqual([true, true])
    expect(rig.requests.at(-1)).toMatchObject({ to: 'queued', reason: 'traffic is paused' })
    expect(before.lease!.ended).toBe(false)
    controls.resume()
    expect(waiting.every(({ lease }) => lease)).toBe(true)
    expect(rig.requests.slice(-2).map(({ to, id }) => [to, id])).toEqual(waiting.map(({ lease }) => ['granted', lease!.id]))
  })

  test('holds back those whose model gets ready meanwhile, within their limits', () => {
    const { rig, controls } = start({ models: { a: { queue: 1_000 } } })
    const asked = rig.ask('a')
    controls.pause('traffic')
    rig.engines.completeAll()
    expect([rig.awake, asked.waiting]).toEqual([['a'], true])
    rig.clock.advance(1_000)
    expect(asked.error).toMatchObject({ code: 'LLMUX_ERR_QUEUE_TIMEOUT' })
  })
})

test('each change is told once, with how things stand then', () => {
  const { changes, controls } = start()
  controls.unpin()
  controls.resume()
  controls.pin('a')
  controls.pin('a')
  controls.pause('switching')
  controls.pause('traffic')
  controls.resume()
  controls.unpin()
  expect(changes.map(({ reason, pinned, paused }) => [reason, pinned, paused])).toEqual([
    ['a is pinned', ['a'], undefined],
    ['switching is paused', ['a'], 'switching'],
    ['traffic is paused', ['a'], 'traffic'],
    ['traffic is resumed', ['a'], undefined],
    ['a is no longer pinned', [], undefined]
  ])
  expect(() => controls.pin('nobody')).toThrow('nobody')
})

describe('a disabled model', () => {
  test('refuses waiting and new requests, and lets requests in flight finish', () => {
    const { rig, controls, changes } = start({ models: { a: { maxConcurrency: 1 }, b: {} } })
    rig.awaken('a')
    const running = rig.ask('a')
    const waiting = rig.ask('a')
    controls.disable('a')
    expect(waiting.error).toMatchObject({ code: 'LLMUX_ERR_MODEL_DISABLED', statusCode: 503 })
    expect(rig.ask('a').error).toMatchObject({ code: 'LLMUX_ERR_MODEL_DISABLED' })
    expect(running.lease!.ended).toBe(false)
    expect(changes).toMatchObject([{ reason: 'a is disabled', disabled: ['a'] }])
  })

  test('takes the GPU from nobody, neither for a request nor by hand', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    controls.disable('b')
    rig.ask('b')
    const order = rig.switchTo('b')
    expect(order.error).toMatchObject({ code: 'LLMUX_ERR_MODEL_DISABLED' })
    expect(rig.engines.pending).toEqual([])
    expect(rig.awake).toEqual(['a'])
  })

  test('is not gone to when that had begun: the drain for it is undone', () => {
    const { rig, controls } = start()
    rig.awaken('a')
    rig.ask('a')
    const other = rig.ask('b')
    rig.engines.completeAll()
    expect(rig.view('a').draining).toBe(true)
    controls.disable('b')
    expect(other.error).toMatchObject({ code: 'LLMUX_ERR_MODEL_DISABLED' })
    expect(rig.view('a').draining).toBe(false)
    expect(rig.switcher.status().transitions).toEqual([])
  })

  test('serves again once it is enabled; a second time changes nothing', () => {
    const { rig, controls, changes } = start()
    controls.disable('a')
    controls.disable('a')
    controls.enable('a')
    controls.enable('a')
    const asked = rig.ask('a')
    rig.engines.completeAll()
    expect(asked.lease).toBeDefined()
    expect(changes.map(({ reason }) => reason)).toEqual(['a is disabled', 'a is enabled'])
  })
})
