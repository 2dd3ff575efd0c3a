import { expect, test } from 'vitest'
import { LlmuxEvents } from '../../../lib/events.ts'
import { warnOfSharedMemory } from '../../../lib/host/start-check.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { makeModel } from '../orchestrator/helper.ts'

test('a model that sleeps at level 1 on a GPU without memory of its own is warned of', () => {
  const events = new LlmuxEvents()
  const warned: unknown[] = []
  events.on('warning', ({ model, error }) => warned.push([model, error.message]))
  const gpu = (index: number, total: number | undefined, uuid = `GPU-${index}`) => ({ index, uuid, name: 'X', total })
  const gpus = [gpu(0, undefined), gpu(1, 80e9), gpu(2, undefined, 'MIG-1')]
  const models = [makeModel('a'), makeModel('b', { sleepLevel: 2 }), makeModel('c', { gpus: [1] }), makeModel('d', { gpus: [2] })]
  warnOfSharedMemory(models, { gpus }, { events, clock: new FakeClock() })
  expect(warned).toEqual([['a', 'model `a` frees no weights by sleeping at level 1, because GPU 0 and the host share one memory: set its sleepLevel to 2 or 3']])
})
