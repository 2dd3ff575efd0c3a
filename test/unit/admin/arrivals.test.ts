import { expect, test } from 'vitest'
import { Arrivals } from '../../../lib/admin/arrivals.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import { readCsv } from '../../../lib/simulator/traffic/csv.ts'

test('keeps at least the last 20 000 served requests in the simulator’s format', () => {
  const events = new LlmuxEvents()
  const arrivals = new Arrivals(events)
  for (let id = 1; id <= 30_000; id++) {
    const common = { id, model: 'a,"b"', reason: 'r', duration: 0 }
    events.emit('request', { ...common, time: id * 10, from: 'arrived', to: 'granted', input: 5 })
    events.emit('request', { ...common, time: id * 10 + 7, from: 'granted', to: id % 2 === 0 ? 'released' : 'cut', duration: 7 })
  }
  const read = readCsv(arrivals.csv)
  expect(read).toHaveLength(15_000)
  expect(read[1]).toEqual({ time: 20, model: 'a,"b"', service: 7 })
  for (let id = 30_001; id <= 60_000; id++) {
    const common = { id, model: 'a', reason: 'r', duration: 0 }
    events.emit('request', { ...common, time: id * 10, from: 'arrived', to: 'granted' })
    events.emit('request', { ...common, time: id * 10 + 7, from: 'granted', to: 'released', duration: 7 })
  }
  const { length } = readCsv(arrivals.csv)
  expect(length).toBeGreaterThanOrEqual(20_000)
  expect(length).toBeLessThan(22_001)
})
