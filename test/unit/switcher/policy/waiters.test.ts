import { expect, test } from 'vitest'
import { Waiters } from '../../../../lib/switcher/policy/waiters.ts'

const queue = [
  { since: 1, priority: 0, mayCauseSwitch: true },
  { since: 2, priority: 5, mayCauseSwitch: false },
  { since: 3, priority: -1, mayCauseSwitch: true }
]
const seen = [{ since: 1, priority: 0 }, { since: 3, priority: -1 }]

test('a policy sees requests that may cause a switch, with what it may decide by', () => {
  expect([...new Waiters(queue)]).toEqual(seen)
})

test('so does a reader of JSON, as recorded snapshots are', () => {
  expect(JSON.parse(JSON.stringify({ queue: new Waiters(queue) }))).toEqual({ queue: seen })
})

test('it is what stands in the queue when it is gone through', () => {
  const growing = [...queue]
  const waiters = new Waiters(growing)
  growing.push({ since: 4, priority: 0, mayCauseSwitch: true })
  expect([...waiters]).toHaveLength(3)
})
