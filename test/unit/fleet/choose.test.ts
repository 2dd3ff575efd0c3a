import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseNode, affinity } from '../../../lib/fleet/choice/choose.ts'
import { cost, isOpen } from '../../../lib/fleet/choice/cost.ts'
import type { NodeModelView, NodeView } from '../../../lib/fleet/choice/types.ts'
import { property } from '../../helpers/property.ts'

const view = (id: string, more: Partial<NodeModelView> = {}): NodeModelView => ({
  id, awake: false, waking: false, inFlight: 0, waiting: 0, maxConcurrency: 8, wait: 10_000, cost: 10_000, serviceTime: 4_000, arrivalRate: 0, gpus: [0], full: false, sent: 0, ...more
})
const node = (name: string, ...models: NodeModelView[]): NodeView => ({ name, models })
const choose = (nodes: NodeView[], model = 'm', conversation?: string) => chooseNode({ model, conversation, nodes })

const count = fc.nat(20)
const anyModel = (id: string) => fc.record({
  awake: fc.boolean(),
  waking: fc.boolean(),
  inFlight: count,
  waiting: count,
  sent: fc.nat(3),
  maxConcurrency: fc.integer({ min: 1, max: 16 }),
  wait: fc.nat(60_000),
  cost: fc.integer({ min: 100, max: 60_000 }),
  serviceTime: fc.integer({ min: 10, max: 20_000 }),
  arrivalRate: fc.double({ min: 0, max: 0.01, noNaN: true }),
  full: fc.boolean()
}).map(more => view(id, more))
const anyNodes = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 6 }).chain(names =>
  fc.tuple(...names.map(name => fc.tuple(anyModel('m'), anyModel('other'), fc.boolean()).map(([m, other, has]) => node(name, ...has ? [m, other] : [other])))))

describe('any fleet', () => {
  test('chooses a node that has the model and takes requests, or none if there is none', () => {
    fc.assert(fc.property(anyNodes, nodes => {
      const able = nodes.filter(({ models }) => models.some(({ id, full }) => id === 'm' && !full)).map(({ name }) => name)
      const chosen = choose(nodes)
      expect(able.length === 0 ? chosen === undefined : able.includes(chosen!)).toBe(true)
    }), property(300))
  })

  test('is what working out every cost would choose', () => {
    fc.assert(fc.property(anyNodes, fc.option(fc.string(), { nil: undefined }), (nodes, conversation) => {
      const all = nodes.flatMap(node => node.models.filter(({ id, full }) => id === 'm' && !full).map(model => ({ name: node.name, model, cost: cost(node, model) })))
      const top = (list: typeof all, key: string) => list.toSorted((a, b) => affinity(key)(b.name) - affinity(key)(a.name))[0]
      const best = top(all.filter(one => one.cost === Math.min(...all.map(({ cost }) => cost))), 'm')
      const continues = best !== undefined && conversation !== undefined && isOpen(best.model)
      const expected = continues ? top(all.filter(one => isOpen(one.model) && one.cost <= best.cost + best.model.serviceTime / 4), conversation) : best
      expect(choose(nodes, 'm', conversation)).toBe(expected?.name)
    }), property(500))
  })

  test('the order in which nodes are listed does not matter, and the same snapshot has the same answer', () => {
    fc.assert(fc.property(anyNodes, fc.option(fc.string(), { nil: undefined }), (nodes, conversation) => {
      expect(choose([...nodes].reverse(), 'm', conversation)).toBe(choose(nodes, 'm', conversation))
      expect(choose(JSON.parse(JSON.stringify(nodes)), 'm', conversation)).toBe(choose(nodes, 'm', conversation))
    }), property(300))
  })

  test('a conversation goes to a node that is awake and has room, if there is one that would be taken', () => {
    fc.assert(fc.property(anyNodes, fc.string(), (nodes, conversation) => {
      const open = (name?: string) => nodes.find(node => node.name === name)?.models.some(({ id, awake, inFlight, waiting, sent, maxConcurrency }) => id === 'm' && awake && inFlight + waiting + sent < maxConcurrency)
      if (open(choose(nodes)) === true) expect(open(choose(nodes, 'm', conversation))).toBe(true)
      else expect(choose(nodes, 'm', conversation)).toBe(choose(nodes))
    }), property(300))
  })
})

describe('homes', () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `http://node-${index}:3000`)
  const models = Array.from({ length: 400 }, (_, index) => `model-${index}`)
  const homes = (nodes: string[]) => models.map(model => choose(nodes.map(name => node(name, view(model))), model))

  test('models are spread over idle nodes', () => {
    const counts = new Map<string, number>()
    for (const home of homes(names(4))) counts.set(home!, (counts.get(home!) ?? 0) + 1)
    expect(Math.min(...counts.values())).toBeGreaterThan(60)
    expect(counts.size).toBe(4)
  })

  test('a node that comes takes only what becomes its own, and one that goes leaves the others where they are', () => {
    const four = homes(names(4))
    const five = homes(names(5))
    const moved = five.filter((home, index) => home !== four[index])
    expect(new Set(moved)).toEqual(new Set(['http://node-4:3000']))
    expect(moved.length).toBeLessThan(400 / 5 * 1.4)
  })
})

describe('where a model goes', () => {
  test('where it is awake and has room', () => {
    expect(choose([node('a', view('m')), node('b', view('m', { awake: true, wait: 0, inFlight: 7 }))])).toBe('b')
  })

  test('to the home as long as its wait is not worth what a second wake takes from others', () => {
    const [home, other] = ['a', 'b'].sort((one, two) => affinity('m')(two) - affinity('m')(one)) as [string, string]
    const busy = view('n', { awake: true, inFlight: 6, arrivalRate: 0.0002 })
    const at = (wait: number) => choose([node(home, view('m', { waking: true, waiting: 1, wait })), node(other, view('m', { wait: 14_000 }), busy)])
    expect(at(20_000)).toBe(home)
    expect(at(600_000)).toBe(other)
  })

  test('to a node where nothing is lost by its wake, rather than to one that serves others', () => {
    const busy = view('n', { awake: true, inFlight: 6, arrivalRate: 0.002 })
    expect(choose([node('a', view('m'), busy), node('b', view('m'), view('n', { awake: true }))])).toBe('b')
    expect(choose([node('b', view('m'), busy), node('a', view('m'), view('n', { awake: true }))])).toBe('a')
  })

  test('requests on their way count: not all go to the node that was the emptiest', () => {
    const nodes = ['a', 'b', 'c'].map(name => node(name, view('m', { awake: true, wait: 0 })))
    for (let index = 0; index < 9; index++) nodes.find(({ name }) => name === choose(nodes))!.models[0]!.sent++
    expect(nodes.map(({ models }) => models[0]!.sent)).toEqual([3, 3, 3])
  })
})
