import { describe, expect, it } from 'vitest'
import { evenHanded } from '../../../lib/switcher/policy/even-handed.ts'
import { fifo } from '../../../lib/switcher/policy/fifo.ts'
import { simple } from '../../../lib/switcher/policy/simple.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

describe('a model without GPUs, whose server runs elsewhere', () => {
  it.each([
    ['fifo', fifo({ type: 'fifo', minActive: 0 })],
    ['even-handed', evenHanded({ type: 'even-handed', beta: 0.5, maxWait: 60_000 })],
    ['simple', simple({ type: 'simple', perRequest: 3, perSecond: 0.3, maxWait: 120_000 })]
  ])('becomes awake beside all others at its first request, and stays so: %s', (_, policy) => {
    const rig = new Rig({ policy, models: { a: {}, b: {}, far: { gpus: [] } } })
    const first = rig.ask('a')
    const far = [rig.ask('far'), rig.ask('far')]
    rig.engines.completeAll()
    expect([first, ...far].flatMap(({ answers }) => answers)).toEqual(['granted', 'granted', 'granted'])
    first.lease!.release()
    const other = rig.ask('b')
    rig.clock.advance(200_000)
    rig.engines.completeAll()
    rig.engines.completeAll()
    expect(other.answers).toEqual(['granted'])
    expect(rig.awake).toEqual(['b', 'far'])
    expect(rig.view('far')).toMatchObject({ inFlight: 2 })
  })
})
