import t from 'tap'
import { storm } from '../storm/storm.js'

const seed = Number(process.env.STORM_SEED ?? 1_000)

t.test(`a storm without crashes: everybody who stays is answered whole (seed ${seed})`, async t => {
  const { faults, tally } = await storm({ seed, seconds: 8, requests: 160, models: 3 })
  t.same(faults, [])
  t.same(Object.keys(tally).sort(), ['left', 'whole'], JSON.stringify(tally))
})

t.test(`a storm in which engines crash, and streams begin while they wait: nothing is cut in silence, and nobody is left behind (seed ${seed})`, async t => {
  const { faults, tally } = await storm({ seed, seconds: 8, requests: 100, models: 3, crashes: 0.03, heartbeat: 100 })
  t.same(faults, [])
  t.ok(tally['whole']! > 50, JSON.stringify(tally))
  const allowed = /^(whole|left|broken engine_died|error LLMUX_ERR_ENGINE_DIED)$/
  t.same(Object.keys(tally).filter(outcome => !allowed.test(outcome)), [], JSON.stringify(tally))
})
