import { expect, test } from 'vitest'
import { GpuClaimedError, ProcessDiedError, StopError } from '../../../lib/errors.ts'
import { readiness } from '../../../lib/host/readiness.ts'

interface Situation { missing?: Record<string, Error>, closed?: boolean, held?: string, obstacles?: Record<string, Error>, inPause?: Record<string, Error>, claimed?: Record<string, Error> }

const died = Object.assign(new ProcessDiedError('a', 'exit code 1'), { lastLines: ['secrets'] })
const stuck = new StopError('b', 'SIGKILL')

/** Two models, and what is in the way of them. */
function look ({ missing = {}, closed = false, held, obstacles = {}, inPause = {}, claimed = {} }: Situation) {
  const switcher = { closed, controls: { closed: held }, obstacle: (id: string) => obstacles[id] }
  const orchestrator = { obstacle: (id: string) => claimed[id], snapshot: (id: string) => ({ error: inPause[id], retryAt: inPause[id] && 5_000 }) }
  return readiness(['a', 'b'], { switcher, orchestrator, startCheck: { obstacle: (id: string) => missing[id] } } as never)
}

test('ready as long as one model can be served', () => {
  expect(look({})).toEqual({ ready: true })
  expect(look({ inPause: { a: died } })).toEqual({ ready: true, obstacles: [died.message] })
  expect(look({ obstacles: { b: stuck } })).toEqual({ ready: true, obstacles: [stuck.message] })
  expect(look({ missing: { b: new Error('no vllm') } })).toEqual({ ready: true, obstacles: ['no vllm'] })
})

test('not ready if something is in the way of each, and then it says of all what it is, in a line', () => {
  expect(look({ inPause: { a: died }, obstacles: { b: stuck } })).toEqual({ ready: false, reason: expect.stringMatching(/^the process of model `a` died: exit code 1.*; .*`b`/) })
  expect(look({ inPause: { a: died }, obstacles: { b: stuck } }).reason).not.toContain('secrets')
})

test('not ready if it was known at the start that no model can be started', () => {
  expect(look({ missing: { a: new Error('no vllm'), b: new Error('no path') } })).toEqual({ ready: false, reason: 'no vllm; no path' })
})

test('not ready while its GPUs belong to another gateway', () => {
  const error = new GpuClaimedError('a', 'GPU-0', 17)
  expect(look({ claimed: { a: error } })).toEqual({ ready: true, obstacles: [error.message] })
  expect(look({ claimed: { a: error, b: error } })).toEqual({ ready: false, reason: expect.stringContaining('another gateway, process 17') })
})

test('not ready while it closes, or lets nobody in', () => {
  expect(look({ closed: true, held: 'paused' })).toEqual({ ready: false, reason: 'the server is closing' })
  expect(look({ held: 'traffic is paused' })).toEqual({ ready: false, reason: 'traffic is paused' })
})
