import { describe, expect, test } from 'vitest'
import { Orders } from '../../../lib/switcher/orders.ts'
import type { Order } from '../../../lib/switcher/orders.ts'
import { Slot } from '../../../lib/switcher/slot.ts'
import type { Transition } from '../../../lib/switcher/transition.ts'
import { model } from '../../helpers/switcher-rig.ts'

const [a, b] = [new Slot(model('a')), new Slot(model('b'))]

function order (kind: Order['kind'], slot: Slot, answers: string[] = []): Order {
  return {
    kind, slot, level: undefined, done: () => answers.push('done'), failed: error => answers.push(error.message)
  }
}

describe('orders', () => {
  test('are carried out in the order they were given', () => {
    const orders = new Orders()
    const all = [order('wake', a), order('sleep', b), order('wake', b)]
    all.forEach(order => orders.add(order))
    expect([...orders]).toEqual(all)
  })

  test('are answered once', () => {
    const answers: string[] = []
    const orders = new Orders()
    const first = order('wake', a, answers)
    const second = order('wake', a, answers)
    orders.add(first)
    orders.add(second)
    orders.done(first)
    orders.fail(first, new Error('late'))
    orders.fail(second, new Error('no'))
    orders.done(second)
    expect(answers).toEqual(['done', 'no'])
    expect([...orders]).toEqual([])
  })

  test('that are answered, or given, while they are gone through', () => {
    const orders = new Orders()
    const all = [order('wake', a), order('wake', b)]
    all.forEach(order => orders.add(order))
    const seen: Order[] = []
    for (const order of orders) {
      seen.push(order)
      orders.fail(all[1]!, new Error('answered meanwhile'))
      orders.add({ ...order })
    }
    expect(seen).toEqual([all[0]])
  })

  test('keep GPUs free for the models they are about, but not from the transition that wakes them', () => {
    const orders = new Orders()
    orders.add(order('wake', a))
    orders.add(order('sleep', b))
    const waking = (wake: Slot | undefined) => ({ plan: { wake } }) as Transition
    expect(orders.besides()).toEqual([a, b])
    expect(orders.besides(waking(a))).toEqual([b])
    expect(orders.besides(waking(b))).toEqual([a, b])
    expect(orders.besides(waking(undefined))).toEqual([a, b])
  })
})
