import fc from 'fast-check'
import type { PolicyOptions } from '../../../../lib/options/types.ts'
import { createPolicy } from '../../../../lib/switcher/policy/index.ts'
import type { Decision, Policy, Snapshot } from '../../../../lib/switcher/policy/policy.ts'
import { Rig } from '../../../helpers/switcher-rig.ts'

/** The longest stay in an engine, in milliseconds: also the drain limit. */
export const longestStay = 20_000

export interface Traffic {
  models: number
  /** Milliseconds. */
  sleep: number
  wake: number
  requests: { after: number, model: number, stay: number, leaves: boolean }[]
}

const gap = fc.oneof(fc.constant(0), fc.integer({ max: 500, min: 1 }), fc.integer({ max: 20_000, min: 1 }))

export const traffics: fc.Arbitrary<Traffic> = fc.record({
  models: fc.integer({ min: 2, max: 5 }),
  sleep: fc.integer({ min: 0, max: 8_000 }),
  wake: fc.integer({ min: 1, max: 30_000 }),
  requests: fc.array(fc.record({
    after: gap,
    // Mostly one model: it is never idle, and the others must not starve.
    model: fc.oneof(fc.constant(0), fc.nat({ max: 4 })),
    stay: fc.integer({ min: 1, max: longestStay }),
    leaves: fc.integer({ max: 9, min: 0 }).map(dice => dice === 0)
  }), { minLength: 1, maxLength: 80 })
})

export interface Served {
  model: string
  wait: number
}

/** What a policy was asked, what it answered, and when the GPU did nothing meanwhile. */
export interface Asked {
  snapshot: Snapshot
  decision: Decision
}

/** One request after the other, on engines that take their time, with a policy that is watched. */
export function run ({ models, sleep, wake, requests }: Traffic, type: PolicyOptions['type']) {
  const policy = createPolicy(type)
  const asked: Asked[] = []
  const watched: Policy = snapshot => {
    const decision = policy(snapshot)
    asked.push({ snapshot: JSON.parse(JSON.stringify(snapshot)), decision })
    return decision
  }
  const names = Array.from({ length: models }, (_, index) => `m${index}`)
  const rig = new Rig({
    models: Object.fromEntries(names.map(name => [name, { drain: longestStay, queue: 100_000_000 }])),
    policy: watched,
    durations: { prepare: 0, sleep, wake }
  })
  const served: Served[] = []
  let waiting = 0
  let time = 0
  for (const { after, model, stay, leaves } of requests) {
    time += after
    rig.clock.setTimeout(() => {
      const came = rig.clock.now()
      const id = names[model % models]!
      waiting++
      const request = rig.ask(id, {
        onAnswer: ({ lease }) => {
          waiting--
          served.push({ model: id, wait: rig.clock.now() - came })
          rig.clock.setTimeout(() => lease!.release(), stay)
        }
      })
      if (leaves && request.waiting) {
        rig.clock.setTimeout(() => {
          if (!request.waiting) return
          waiting--
          request.leave()
        }, stay)
      }
    }, time)
  }
  return { rig, asked, served, policy, waiting: () => waiting }
}
