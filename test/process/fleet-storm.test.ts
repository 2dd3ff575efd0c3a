import t from 'tap'
import { fleetStorm } from '../fleet/storm.js'

const seed = Number(process.env.STORM_SEED ?? 1_000)

t.test(`a storm over three nodes and two edges, in which nodes are killed, stopped and restarted: nobody is cut in silence, lost without a byte or served twice (seed ${seed})`, async t => {
  const { faults, troubles, tally, log } = await fleetStorm({ seed, seconds: 25, rate: 6, models: 4, calm: 2_000 })
  t.same(faults, [], log.join('\n'))
  t.ok(troubles.length > 0, 'something has happened to a node')
  t.ok(tally['whole']! > 75, JSON.stringify(tally))
})
