import { expect, test } from 'vitest'
import { markdown, table } from '../../../lib/simulator/table.ts'

const spread = { mean: 2_000, p50: 0, p95: 0, p99: 0, max: 4_000 }
const result = { requests: 2, end: spread, slowdown: spread, mean: 1_234, p50: 9_994, p95: 12_345, p99: 60_000, max: 61_000, switches: 3, switching: 0.1234, worstMean: 2_000, jain: 0.876, duration: 1, models: {} }

test('waits in seconds, shares in per cent', () => {
  const [, , line] = table({ fifo: result }).split('\n')
  expect(line!.split('|').map(cell => cell.trim()).filter(cell => cell !== '')).toEqual(['fifo', '1.23', '9.99', '12.3', '60.0', '61.0', '2.00', '2000.00', '3', '12.3 %', '2.00', '0.88'])
})

test('all lines are as long, the first column to the left, the others to the right', () => {
  expect(markdown([{ policy: 'a', mean: '10' }, { policy: 'longer one', mean: '1000000' }])).toBe([
    '| policy     |    mean |',
    '|------------|--------:|',
    '| a          |      10 |',
    '| longer one | 1000000 |'
  ].join('\n'))
})
