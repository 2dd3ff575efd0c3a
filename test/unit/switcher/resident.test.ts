import { expect, test } from 'vitest'
import { Rig } from '../../helpers/switcher-rig.ts'

test('a resident is not put to sleep for another: the others change beside it', () => {
  const rig = new Rig({ models: { embed: { gpuShare: 0.2, resident: true }, a: { gpuShare: 0.8 }, b: { gpuShare: 0.5 }, c: { gpuShare: 0.3 } } })
  for (const id of ['embed', 'a', 'b', 'c', 'a', 'b']) {
    const ask = rig.ask(id)
    rig.engines.completeAll()
    expect(ask.lease, id).toBeDefined()
    ask.lease!.release()
  }
  expect(rig.engines.history.filter(call => call === 'sleep embed')).toEqual([])
  expect(rig.engines.history.filter(call => call === 'wake embed')).toHaveLength(1)
})

test('a resident goes if that is asked for by hand', () => {
  const rig = new Rig({ models: { embed: { gpuShare: 0.2, resident: true } } })
  rig.awaken('embed')
  rig.sleep('embed')
  rig.engines.completeAll()
  expect(rig.awake).toEqual([])
})
