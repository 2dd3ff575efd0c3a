import { describe, expect, test } from 'vitest'
import { Queue } from '../../../lib/switcher/queue.ts'
import type { Comeback, Waiter } from '../../../lib/switcher/queue.ts'

const waiter = (id: number, comeback?: Comeback): Waiter => ({
  id, since: comeback?.since ?? id, queued: id, bytes: 0, priority: 0, mayCauseSwitch: true, timer: undefined, comeback, granted: () => {}, refused: () => {}
})

function queueOf (...waiters: Waiter[]): Queue {
  const queue = new Queue()
  waiters.forEach(waiter => queue.add(waiter))
  return queue
}

describe('a queue', () => {
  test('is first come, first served', () => {
    const [first, second] = [waiter(1), waiter(2)]
    const queue = queueOf(first, second)
    expect(queue.next(true)).toBe(first)
    expect(queue.oldest).toBe(1)
    expect([...queue]).toEqual([first, second])
    queue.remove(first)
    expect(queue.next(true)).toBe(second)
    expect(queue.oldest).toBe(2)
  })

  test('can be left from the middle, once', () => {
    const [first, second, third] = [waiter(1), waiter(2), waiter(3)]
    const queue = queueOf(first, second, third)
    expect(queue.remove(second)).toBe(true)
    expect(queue.remove(second)).toBe(false)
    expect(queue.size).toBe(2)
    expect([...queue]).toEqual([first, third])
  })

  test('is empty when everybody has left', () => {
    const only = waiter(1)
    const queue = queueOf(only)
    queue.remove(only)
    expect(queue.size).toBe(0)
    expect(queue.next(true)).toBeUndefined()
    expect(queue.oldest).toBeUndefined()
  })
})

describe('requests that come back because their engine died', () => {
  test('go before all others, and count from when they first came', () => {
    const fresh = waiter(5)
    const back = waiter(7, { since: 1, suspect: false })
    const queue = queueOf(fresh, back)
    expect(queue.size).toBe(2)
    expect(queue.next(true)).toBe(back)
    expect(queue.oldest).toBe(1)
    expect([...queue]).toEqual([back, fresh])
    expect(queue.remove(back)).toBe(true)
    expect(queue.next(true)).toBe(fresh)
  })

  test('are not taken for the oldest when somebody else is', () => {
    expect(queueOf(waiter(3), waiter(7, { since: 5, suspect: false })).oldest).toBe(3)
    expect(queueOf(waiter(7, { since: 5, suspect: false })).oldest).toBe(5)
  })

  test('let others past while suspects have to be alone', () => {
    const suspect = waiter(1, { since: 1, suspect: true })
    const innocent = waiter(2, { since: 2, suspect: false })
    const fresh = waiter(3)
    const queue = queueOf(suspect, innocent, fresh)
    expect(queue.next(true)).toBe(suspect)
    expect(queue.next(false)).toBe(innocent)
    queue.remove(innocent)
    expect(queue.next(false)).toBe(fresh)
    queue.remove(fresh)
    expect(queue.next(false)).toBeUndefined()
    expect(queue.next(true)).toBe(suspect)
  })

  test('knows each position: returned ones, then by turn, then passive ones', () => {
    const passive = { ...waiter(1), mayCauseSwitch: false }
    const plain = waiter(6_000)
    const later = waiter(9_000)
    const urgent = { ...waiter(10_000), priority: 1 }
    const pressing = { ...waiter(10_500), priority: 1 }
    const back = waiter(20_000, { since: 15_000, suspect: false })
    const queue = queueOf(passive, plain, later, urgent, pressing, back)
    expect([back, urgent, pressing, plain, later, passive].map(one => queue.place(one))).toEqual([1, 2, 3, 4, 5, 6])
    queue.remove(urgent)
    expect([back, urgent, pressing, plain, later, passive].map(one => queue.place(one))).toEqual([1, undefined, 2, 3, 4, 5])
    const order = []
    for (let next = queue.next(true); next !== undefined; next = queue.next(true)) {
      expect(queue.place(next)).toBe(1)
      queue.remove(next)
      order.push(next)
    }
    expect(order, 'as they are let in').toEqual([back, pressing, plain, later, passive])
  })
})
