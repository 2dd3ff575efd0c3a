import { expect, test } from 'vitest'
import { duration } from '../../../../lib/cli/config/durations.ts'
import { readConfigText } from '../../../../lib/cli/config/read.ts'

test.each([['5m', 300_000], ['90s', 90_000], ['1.5h', 5_400_000], ['250ms', 250], [7, 7], ['5 m', '5 m'], ['5d', '5d'], [false, false]])('%o is %o', (value, expected) => {
  expect(duration(value)).toBe(expected)
})

test('durations in a file may have units, wherever milliseconds stand', () => {
  const { options } = readConfigText('models: { a: { idleTimeout: 5m, timeouts: { start: 1h } } }\npolicy: { type: fifo, minActive: 2s }\ntimeouts: { queue: 90s }\nheartbeat: 15s\n', 'x.yaml')
  expect(options).toEqual({ models: { a: { idleTimeout: 300_000, timeouts: { start: 3_600_000 } } }, policy: { type: 'fifo', minActive: 2_000 }, timeouts: { queue: 90_000 }, heartbeat: 15_000 })
})

test('what is no duration is refused by the name of its option', () => {
  expect(() => readConfigText('models: { a: { idleTimeout: soon } }', 'x.yaml')).toThrow(/models\["a"\]\.idleTimeout must be a whole number/)
})
