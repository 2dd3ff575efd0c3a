import { describe, expect, test } from 'vitest'
import { GpuBlockedError, ModelNotFoundError } from '../../../lib/errors.ts'
import { Board } from '../../../lib/switcher/board.ts'
import type { Slot } from '../../../lib/switcher/slot.ts'
import type { Transition } from '../../../lib/switcher/transition.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { Learned } from '../../../lib/switcher/learned/learned.ts'
import { FakeEngines } from '../../helpers/fake-engines.ts'
import { model } from '../../helpers/switcher-rig.ts'

function setUp () {
  const clock = new FakeClock()
  const engines = new FakeEngines({ clock })
  const board = new Board([
    model('a'), model('b'), model('c', { gpus: [1] }), model('d', { gpus: [1, 2] })
  ], { engines, clock, learned: new Learned() })
  const held = (views = board.views()) => views.filter(view => view.held).map(view => view.id)
  const onGpu = () => board.views().filter(view => view.onGpu).map(view => view.id)
  /** Stands in for a transition with these models. */
  const move = (open: boolean, ...ids: string[]) => {
    const slots = ids.map(id => board.slot(id))
    const touches = (slot: Slot) => slots.some(other => other.model.gpus.some(gpu => slot.model.gpus.includes(gpu)))
    const transition = { slots, open, touches } as unknown as Transition
    board.transitions.add(transition)
    return transition
  }
  return { engines, board, held, onGpu, move }
}

describe('the board', () => {
  test('knows its models', () => {
    const { board } = setUp()
    expect(board.slots.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
    expect(board.slot('c').id).toBe('c')
    expect(() => board.slot('e')).toThrow(ModelNotFoundError)
  })

  test('shows a model as a policy sees it', () => {
    const { board } = setUp()
    board.slot('a').awakeSince = 5
    expect(board.views()[0]).toEqual({
      id: 'a',
      awakeSince: 5,
      inFlight: 0,
      maxConcurrency: 256,
      waiting: 0,
      frozen: 0,
      frozenSince: undefined,
      freezes: false,
      passive: 0,
      oldest: undefined,
      age: 0,
      queue: expect.objectContaining({ [Symbol.iterator]: expect.any(Function) }),
      averageWaiting: 0,
      serviceTime: 4_000,
      thawTime: 30,
      firstSleep: 0,
      owed: 0,
      priority: undefined,
      drainTime: 4_000,
      arrivalRate: 0,
      cold: false,
      draining: false,
      departureRate: 0,
      limits: { queue: 600_000, drain: 300_000, passive: 60_000 },
      gpus: [0],
      gpuShare: 1,
      held: false,
      onGpu: true
    })
  })

  test('a transition holds all models on its GPUs', () => {
    const { board, held, onGpu, move } = setUp()
    move(true, 'a')
    expect(held()).toEqual(['a', 'b'])
    expect(onGpu()).toEqual([])
    expect(board.busy(board.slot('b'))).toBe(true)
    expect(board.busy(board.slot('c'))).toBe(false)
    move(false, 'c')
    expect(held()).toEqual(['a', 'b', 'c', 'd'])
    expect(onGpu()).toEqual(['c'])
  })

  test('keeps GPUs free for the named models', () => {
    const { board, held } = setUp()
    expect(held(board.views([board.slot('d')]))).toEqual(['c', 'd'])
  })

  test('a transition that is reconsidered holds nothing, but everything elsewhere is', () => {
    const { board, held, move } = setUp()
    const first = move(true, 'c')
    expect(held(board.views([], first))).toEqual(['a', 'b'])
    move(true, 'd')
    expect(held(board.views([], first))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('processes that cannot be ended hold the models that are not awake on their GPUs, and say whose they are', () => {
    const { engines, board, held, onGpu } = setUp()
    engines.stuck.add('d')
    board.slot('c').awakeSince = 1
    expect(held()).toEqual(['d'])
    expect(onGpu()).toEqual(['c', 'd'])
    expect(board.obstacle(board.slot('c'))).toBeUndefined()
    expect(board.obstacle(board.slot('a'))).toBeUndefined()
    board.slot('c').awakeSince = undefined
    expect(held()).toEqual(['c', 'd'])
    expect(board.obstacle(board.slot('c'))).toBeInstanceOf(GpuBlockedError)
    expect(board.obstacle(board.slot('c'))!.message).toContain('its GPU is still held by the processes of `d`')
  })
})
