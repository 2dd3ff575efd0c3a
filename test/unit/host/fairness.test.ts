import { expect, test } from 'vitest'
import { LlmuxEvents } from '../../../lib/events.ts'
import { logEvents } from '../../../lib/host/log/log.ts'
import { promisedWait, warnOfLongWaits } from '../../../lib/host/fairness.ts'
import type { LlmuxOptions } from '../../../lib/options/index.ts'
import type { Switcher } from '../../../lib/switcher/switcher.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { resolve } from '../options/helper.ts'
import { snapshot, view } from '../switcher/helper.ts'

/** A switcher that has learned nothing yet. */
function setUp (given: LlmuxOptions) {
  const options = resolve(given)
  const { models, costs } = snapshot(0, options.models.map(({ id, timeouts }) => view(id, { limits: timeouts })))
  const switcher = { status: () => ({ models }), learned: { costs } } as unknown as Switcher
  return { options, switcher }
}

/** The lines that the start of a server with these options writes to its log. */
function linesOf (given: LlmuxOptions) {
  const lines: Array<[fields: object, text: string]> = []
  const events = new LlmuxEvents()
  logEvents(events, { level: 'info', warn: (fields: object, text: string) => lines.push([fields, text]) } as never)
  const { options, switcher } = setUp(given)
  warnOfLongWaits(given, options, { directory: options, switcher, events, clock: new FakeClock() })
  return lines
}

const models = { a: {}, b: {} }

test('limits that leave it to the queue to end waits are one line, with what to change and no stack', () => {
  const lines = linesOf({ models, timeouts: { queue: 300_000 } })
  expect(lines).toEqual([[
    { code: 'LLMUX_ERR_LONG_WAIT', model: undefined, reqId: undefined },
    expect.stringMatching(/^with these options a request can wait \d{6} ms for its model, but is refused after 300000 ms: raise timeouts\.queue, or lower timeouts\.drain$/)
  ]])
})

test('a policy, or the limits of one model, are a choice too', () => {
  expect(linesOf({ models, policy: 'fifo' })).toHaveLength(1)
  expect(linesOf({ models: { a: { timeouts: { drain: 400_000 } }, b: {} } })).toHaveLength(1)
})

test('limits that go together, and defaults that nobody has touched, are no reason for a warning', () => {
  expect(linesOf({ models, timeouts: { drain: 10_000, queue: 900_000 } })).toEqual([])
  expect(linesOf({ models })).toEqual([])
  expect(linesOf({ models, policy: () => ({ wake: undefined, evict: [], lookAgainAt: undefined }) })).toEqual([])
})

test('the status promises the smaller of the two', () => {
  const promised = (given: LlmuxOptions) => {
    const { options, switcher } = setUp(given)
    return promisedWait(options, options, switcher)
  }
  const untouched = promised({ models })
  expect(untouched.policy).toBeGreaterThan(untouched.queue)
  expect(untouched.promised).toBe(untouched.queue)
  const short = promised({ models, timeouts: { drain: 10_000, queue: 900_000 } })
  expect(short).toMatchObject({ queue: 900_000, promised: short.policy })
})

test('nor is one told who sets only limits that bound no wait', () => {
  expect(linesOf({ models, timeouts: { memory: 10_000, stop: 5_000 } })).toEqual([])
})
