import { describe, expect, it } from 'vitest'
import type { EngineErrand } from '../../../lib/switcher/engine-port.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

/** A switcher whose engines also note whether they are to be brought up in spite of earlier failures. */
function setUp () {
  const rig = new Rig()
  const { engines } = rig
  const forced: string[] = []
  for (const operation of ['prepare', 'wake'] as const) {
    const call = engines[operation].bind(engines)
    engines[operation] = (id: string, done: (error?: Error) => void, { force }: EngineErrand = {}) => {
      forced.push(`${operation} ${id}${force === true ? ' by force' : ''}`)
      call(id, done)
    }
  }
  return { rig, forced }
}

describe('an engine in the pause after starts that failed', () => {
  it('is tried again by hand', () => {
    const { rig, forced } = setUp()
    rig.awaken('a')
    forced.length = 0
    rig.switchTo('b')
    rig.engines.completeAll()
    expect(forced).toEqual(['prepare b by force', 'wake b by force'])
    expect(rig.awake).toEqual(['b'])
  })

  it('is left alone by requests', () => {
    const { rig, forced } = setUp()
    rig.awaken('a')
    rig.ask('b')
    rig.engines.completeAll()
    expect(forced).toEqual(['wake a', 'prepare b', 'wake b'])
  })
})
