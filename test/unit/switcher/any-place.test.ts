import { describe, expect, test } from 'vitest'
import { AnyPlace } from '../../../lib/options/gpus.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

/** It takes some of four GPUs. The switcher sees where it is by `gpus`. */
function anywhere (count = 1, gpuShare = 1) {
  const place = new AnyPlace(count, [0, 1, 2, 3].map(index => ({ index, device: String(index) })))
  return { place, gpuShare }
}

function serve (rig: Rig, id: string) {
  const ask = rig.ask(id)
  rig.engines.completeAll()
  expect(ask.lease, id).toBeDefined()
  return ask.lease!
}

describe('a model that may live on any GPU', () => {
  test('starts where nobody is', () => {
    const models = { fixed: { gpus: [0] }, a: anywhere(), b: anywhere(), pair: anywhere(2) }
    const rig = new Rig({ models })
    for (const id of ['fixed', 'a', 'b']) serve(rig, id).release()
    expect([models.a.place.gpus, models.b.place.gpus]).toEqual([[1], [2]])
    expect(rig.awake).toEqual(['fixed', 'a', 'b'])
    serve(rig, 'pair')
    expect(models.pair.place.gpus).toContain(3)
    expect(models.pair.place.gpus).toHaveLength(2)
  })

  test('starts beside others where shares allow it', () => {
    const models = { one: { gpus: [0] }, two: { gpus: [1], gpuShare: 0.7 }, three: { gpus: [2] }, four: { gpus: [3] }, small: anywhere(1, 0.3) }
    const rig = new Rig({ models })
    for (const id of ['one', 'two', 'three', 'four', 'small']) serve(rig, id)
    expect(models.small.place.gpus).toEqual([1])
    expect(rig.awake).toEqual(['one', 'two', 'three', 'four', 'small'])
  })

  test('takes the place of the models with the least to do, and not of a pinned one', () => {
    const models = { one: { gpus: [0] }, two: { gpus: [1] }, three: { gpus: [2] }, four: { gpus: [3] }, new: anywhere() }
    const rig = new Rig({ models })
    for (const id of ['one', 'two']) serve(rig, id)
    for (const id of ['three', 'four']) serve(rig, id).release()
    rig.switcher.controls.pin('four')
    rig.clock.advance(60_000)
    const ask = rig.ask('new')
    expect(ask.error).toBeUndefined()
    expect(models.new.place.gpus).toEqual([2])
  })

  test('stays where it is for as long as it has processes, and moves when they have ended', () => {
    const models = { a: anywhere(), b: { gpus: [0] } }
    const rig = new Rig({ models })
    serve(rig, 'a').release()
    expect(models.a.place.gpus).toEqual([0])
    serve(rig, 'b').release()
    expect(models.a.place.gpus, 'it sleeps there').toEqual([0])
    rig.engines.gone('a')
    serve(rig, 'b')
    serve(rig, 'a')
    expect(models.a.place.gpus, 'and starts elsewhere').toEqual([1])
  })
})
