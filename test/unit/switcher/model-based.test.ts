import fc from 'fast-check'
import { test } from 'vitest'
import { property } from '../../helpers/property.ts'
import { commands } from './model/commands.ts'
import { setups } from './model/setup.ts'
import { World } from './model/world.ts'

test('in any order of events the rules hold after every step, and no request waits forever', () => {
  fc.assert(fc.property(setups, commands, (setup, steps) => {
    const world = new World(setup)
    fc.modelRun(() => ({ model: {}, real: world }), steps)
    world.settle()
  }), property(300))
}, 600_000)
