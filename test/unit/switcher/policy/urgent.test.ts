import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPolicy } from '../../../../lib/switcher/policy/index.ts'
import { property } from '../../../helpers/property.ts'
import { Rig } from '../../../helpers/switcher-rig.ts'

// A request that goes before all others is let in soon, whatever else there is: no answer of another model is part of its wait.

const first = 10_000
/** Longer than anything here may last. */
const stay = 600_000

const traffics = fc.record({
  models: fc.integer({ min: 2, max: 5 }),
  sleep: fc.integer({ min: 0, max: 3_000 }),
  wake: fc.integer({ min: 1, max: 8_000 }),
  requests: fc.array(fc.record({ after: fc.integer({ min: 0, max: 15_000 }), model: fc.nat({ max: 4 }), stay: fc.integer({ min: 1, max: stay }) }), { minLength: 1, maxLength: 60 }),
  urgent: fc.record({ at: fc.nat({ max: 300_000 }), model: fc.nat({ max: 4 }) })
})

// Two and a half are enough in all but about one case of 14,000: there it comes while another has just begun.
test('it waits for four switches at most, and for what is computed again', () => {
  fc.assert(fc.property(traffics, ({ models, sleep, wake, requests, urgent }) => {
    const name = (index: number) => `m${index % models}`
    const names = Array.from({ length: models }, (_, index) => name(index))
    const rig = new Rig({
      models: Object.fromEntries(names.map(id => [id, { freeze: true, queue: 100_000_000 }])),
      // Whoever is overdue goes first; that is a bound of its own.
      policy: createPolicy({ type: 'even-handed', beta: 0.5, maxWait: 1e9 }),
      durations: { prepare: 0, sleep, wake },
      keeping: true
    })
    const ask = (id: string, stay: number, priority: number) => rig.ask(id, {
      priority,
      onAnswer: ({ lease }) => {
        rig.clock.setTimeout(() => {
          if (lease!.frozen) lease!.whenFrozen(frozen => { if (!frozen) lease!.release() })
          else lease!.release()
        }, stay)
      }
    })
    let time = 0
    for (const { after, model, stay } of requests) rig.clock.setTimeout(() => ask(name(model), stay, 0), time += after)
    const waits: number[] = []
    rig.clock.setTimeout(() => {
      const came = rig.clock.now()
      rig.ask(name(urgent.model), { priority: 5, onAnswer: () => waits.push(rig.clock.now() - came) })
    }, urgent.at)
    while (waits.length === 0 && rig.clock.advanceToNext());
    // Nothing is known of a switch at first.
    const cost = Math.max(first, sleep + wake)
    expect(waits[0]).toBeLessThanOrEqual(4 * cost + 30 * requests.length)
  }), { ...property(200), endOnFailure: true })
})
