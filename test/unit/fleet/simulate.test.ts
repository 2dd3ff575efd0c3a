import { describe, expect, test } from 'vitest'
import { affinity } from '../../../lib/fleet/choice/choose.ts'
import type { ChooseNode, NodeView } from '../../../lib/fleet/choice/types.ts'
import { simulateFleet } from '../../../lib/fleet/simulate.ts'
import { simulate } from '../../../lib/simulator/simulate.ts'
import { merge } from '../../../lib/simulator/traffic/arrival.ts'
import { poisson } from '../../../lib/simulator/traffic/generators.ts'

const traffic = (seed: number, models = 6) => merge(...Array.from({ length: models }, (_, index) => poisson(0.4 / (index + 1), { model: `m${index}`, duration: 1_200_000, seed: seed * 100 + index })))
const costs = { switch: 10_000 }
const policy = 'even-handed'

/** A choice among nodes for which nothing counts but how many requests have come. */
const roundRobin = (): ChooseNode => {
  let count = 0
  return ({ nodes }) => nodes[count++ % nodes.length]!.name
}
const hashing: ChooseNode = ({ model, nodes }) => nodes.reduce((best: NodeView, node) => affinity(model)(node.name) > affinity(model)(best.name) ? node : best).name

describe('several simulated machines', () => {
  test('one of them is what the simulator has without them', () => {
    const arrivals = traffic(1)
    const { mean, switches } = simulateFleet({ arrivals, nodes: 1, policy, costs })
    const one = simulate({ arrivals, policy, costs })
    expect(mean).toBeCloseTo(one.mean, -4)
    expect(Math.abs(switches - one.switches)).toBeLessThan(one.switches / 4)
  })

  test('the same input has the same result, and all nodes are used', () => {
    const options = { arrivals: traffic(2), nodes: 3, policy, costs } as const
    const result = simulateFleet(options)
    expect(simulateFleet(options)).toEqual(result)
    expect(Math.min(...result.byNode)).toBeGreaterThan(0)
    expect(result.byNode.reduce((sum, count) => sum + count)).toBe(options.arrivals.length)
  })

  test('each machine more makes waits shorter', () => {
    const arrivals = traffic(3)
    const means = [1, 2, 4].map(nodes => simulateFleet({ arrivals, nodes, policy, costs }).mean)
    expect(means[1]).toBeLessThan(means[0]!)
    expect(means[2]).toBeLessThan(means[1]!)
  })

  test('requests that move wait shorter, and each is served once', () => {
    for (const seed of [4, 5]) {
      const options = { arrivals: traffic(seed), nodes: 2, policy, costs } as const
      const moving = simulateFleet(options)
      const staying = simulateFleet({ ...options, move: false })
      expect(staying.moves).toBe(0)
      expect(moving.moves).toBeGreaterThan(0)
      expect(moving.mean).toBeLessThan(staying.mean)
      expect(moving.byNode.reduce((sum, count) => sum + count)).toBe(options.arrivals.length)
    }
  })

  test.each([['round-robin', roundRobin], ['hashing alone', () => hashing]])('waits are shorter than by %s', (_name, choice) => {
    for (const seed of [4, 5]) {
      const arrivals = traffic(seed)
      expect(simulateFleet({ arrivals, nodes: 3, policy, costs }).mean).toBeLessThan(simulateFleet({ arrivals, nodes: 3, policy, costs, choose: choice() }).mean)
    }
  })
})
