import t from 'tap'
import { storm } from '../storm/storm.js'

const seed = Number(process.env.STORM_SEED ?? 1_000)

t.test(`a storm without crashes: everybody who stays is answered whole (seed ${seed})`, async t => {
  const { faults, tally, frozen } = await storm({ policy: 'even-handed', seed, seconds: 8, requests: 160, models: 3 })
  t.same(faults, [])
  t.ok(frozen > 0, `requests are frozen in it: ${frozen} times`)
  t.same(Object.keys(tally).sort(), ['left', 'whole'], JSON.stringify(tally))
})

for (const crashes of [0, 0.03]) {
  t.test(`a storm over four GPUs and nine models${crashes > 0 ? ', in which engines crash' : ''}: no engine lacks its memory, and no GPU stands idle that somebody waits for (seed ${seed})`, async t => {
    const { faults, tally } = await storm({ policy: 'even-handed', seed: seed + 7, seconds: 6, requests: 160, models: 9, devices: 4, crashes })
    t.same(faults, [])
    t.ok(tally['whole']! > 100, JSON.stringify(tally))
    if (crashes === 0) t.same(Object.keys(tally).sort(), ['left', 'whole'], JSON.stringify(tally))
  })
}

// The other policies have their turn in `npm run storm`: these take the least time.
for (const [index, policy] of (['even-handed', 'fifo', 'simple'] as const).entries()) {
  const own = seed + index
  const heartbeat = index % 2 === 0 && 100
  const begun = heartbeat === false ? '' : ', and streams begin while they wait'
  t.test(`a storm in which engines crash${begun}: nothing is cut in silence, and nobody is left behind (${policy}, seed ${own})`, async t => {
    const { faults, tally } = await storm({ policy, seed: own, seconds: 4, requests: 60, models: 3, crashes: 0.03, heartbeat })
    t.same(faults, [])
    t.ok(tally['whole']! > 30, JSON.stringify(tally))
    const allowed = /^(whole|left|broken engine_died|error LLMUX_ERR_ENGINE_DIED)$/
    t.same(Object.keys(tally).filter(outcome => !allowed.test(outcome)), [], JSON.stringify(tally))
  })
}
