import { expect, test } from 'vitest'
import { LlmuxEvents } from '../../../lib/events.ts'
import { GpuActivity } from '../../../lib/metrics/gpu-activity.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

/** Milliseconds of each GPU by what it did, on a real switcher with fake engines. */
function setup (models: ConstructorParameters<typeof Rig>[0] = {}) {
  const rig = new Rig(models)
  const times: Record<string, number> = {}
  const { events } = rig
  const all = rig.switcher.status().models
  const gpusOf = new Map(all.map(({ id, gpus }) => [id, gpus]))
  const activity = new GpuActivity({
    events,
    gpusOf,
    switching: () => new Set(rig.switcher.status().transitions.filter(({ phase }) => phase !== 'idle')
      .flatMap(({ wake, evict }) => [...evict, ...wake === undefined ? [] : [wake]]).flatMap(id => gpusOf.get(id)!)),
    now: () => rig.clock.now(),
    onTime: (gpu, what, ms) => { if (ms > 0) times[`${gpu} ${what}`] = (times[`${gpu} ${what}`] ?? 0) + ms }
  })
  return { rig, times, activity }
}

test('every millisecond is spent on one of the three', async () => {
  const { rig, times, activity } = setup()
  rig.clock.advance(100)
  const asked = rig.ask('a')
  rig.clock.advance(30)
  rig.engines.completeAll()
  rig.clock.advance(7)
  const second = rig.ask('a')
  rig.clock.advance(5)
  asked.lease!.release()
  rig.clock.advance(2)
  second.lease!.release()
  rig.clock.advance(50)
  activity.settle()
  expect(times).toEqual({ '0 idle': 150, '0 switching': 30, '0 serving': 14 })
})

test('a drain counts as switching while it still serves, and what is left of it afterwards does not count twice', () => {
  const { rig, times, activity } = setup()
  rig.awaken('a')
  activity.settle()
  for (const key of Object.keys(times)) delete times[key]
  const first = rig.ask('a')
  rig.clock.advance(10)
  const other = rig.ask('b')
  rig.engines.complete('prepare')
  rig.clock.advance(20)
  first.lease!.release()
  rig.engines.completeAll()
  rig.clock.advance(3)
  other.lease!.release()
  activity.settle()
  expect(times).toEqual({ '0 serving': 13, '0 switching': 20 })
})

test('each GPU has its own time', () => {
  const { rig, times, activity } = setup({ models: { a: { gpus: [0] }, b: { gpus: [1] }, both: { gpus: [0, 1] } } })
  rig.awaken('a')
  const lease = rig.ask('a').lease!
  rig.clock.advance(10)
  rig.ask('b')
  rig.clock.advance(5)
  rig.engines.completeAll()
  lease.release()
  activity.settle()
  expect(times).toEqual({ '0 serving': 15, '1 idle': 10, '1 switching': 5 })
})

test('after its end it listens no more', () => {
  const events = new LlmuxEvents()
  const activity = new GpuActivity({ events, gpusOf: new Map([['a', [0]]]), switching: () => new Set(), now: () => 0, onTime: () => {} })
  expect(events.listenerCount('request') + events.listenerCount('transition')).toBe(2)
  activity.close()
  expect(events.listenerCount('request') + events.listenerCount('transition')).toBe(0)
})
