import { costOf } from '../costs.ts'
import type { Costs } from '../costs.ts'
import type { Arrival } from '../traffic/arrival.ts'
import { Visit } from './visit.ts'

export interface ClairvoyantOptions {
  /** A short trace: the work grows with the product of the models' numbers of requests. */
  arrivals: readonly Arrival[]
  costs: Costs
  maxConcurrency?: number
  /** Who is awake when it begins. Default: the model of the first request. */
  awake?: string
}

/** A way to get somewhere: when the GPU is free, and how long all together have waited until then. */
interface Label {
  time: number
  cost: number
}

/** Who is awake, how many of each model have been served, and the ways to get there of which none is worse than another. */
interface State {
  awake: number
  served: readonly number[]
  labels: Label[]
}

/**
 * The least mean wait in milliseconds for somebody who knows the future, if each model's requests are served in the order of
 * their arrival: over all schedules of visits, by dynamic programming over who is awake and how many of each model have been
 * served. Wakes a model before anybody waits for it, too.
 */
export function clairvoyant ({ arrivals, costs, maxConcurrency = 32, awake }: ClairvoyantOptions): number {
  const names = [...new Set(arrivals.map(({ model }) => model))].sort()
  const requests = names.map(name => arrivals.filter(({ model }) => model === name))
  const layers: Map<string, State>[] = Array.from({ length: arrivals.length + 1 }, () => new Map())
  add(layers, Math.max(0, names.indexOf(awake ?? arrivals[0]?.model ?? '')), names.map(() => 0), { time: 0, cost: 0 })
  // A visit always serves somebody, so that layers, by how many have been served, are never returned to.
  for (const layer of layers) {
    for (const { awake, served, labels } of layer.values()) {
      for (const label of labels) {
        names.forEach((name, next) => {
          // Two visits to the same model in a row are one that is longer.
          if (next === awake && layer !== layers[0]) return
          const travel = next === awake ? 0 : costOf(costs, names[awake]!, name, false)
          const visit = new Visit(requests[next]!, served[next]!, label.time + travel, maxConcurrency)
          for (const { count, end, waited } of visit) {
            add(layers, next, served.with(next, served[next]! + count), { time: end, cost: label.cost + waited })
          }
        })
      }
    }
  }
  const least = Math.min(...[...layers.at(-1)!.values()].flatMap(({ labels }) => labels.map(({ cost }) => cost)))
  return arrivals.length === 0 ? 0 : least / arrivals.length
}

function add (layers: Map<string, State>[], awake: number, served: readonly number[], label: Label): void {
  const layer = layers[served.reduce((sum, count) => sum + count, 0)]!
  const key = `${awake}:${served.join()}`
  const state = layer.get(key)
  if (state === undefined) {
    layer.set(key, { awake, served, labels: [label] })
    return
  }
  if (state.labels.some(({ time, cost }) => time <= label.time && cost <= label.cost)) return
  state.labels = [...state.labels.filter(({ time, cost }) => time < label.time || cost < label.cost), label]
}
