import { beforeEach, expect, test } from 'vitest'
import { mostRunning, Operations } from '../../../lib/admin/operations.ts'
import { ClosingError } from '../../../lib/errors.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

let clock: FakeClock
let operations: Operations

beforeEach(() => {
  clock = new FakeClock(1_000.4)
  operations = new Operations(clock)
})

/** One that runs until the test ends it. */
function begin () {
  const { promise, resolve, reject } = deferred()
  return { ...operations.begin('switch', 'a', () => promise), resolve, reject }
}

function deferred () {
  let resolve!: () => void
  let reject!: (error: Error) => void
  const promise = new Promise<void>((_resolve, _reject) => { [resolve, reject] = [_resolve, _reject] })
  return { promise, resolve, reject }
}

test('an operation runs, and is done', async () => {
  const { operation, end, resolve } = begin()
  expect(operations.get(operation.id)).toEqual({ id: '1', action: 'switch', model: 'a', state: 'running', since: 1_000 })
  clock.advance(500)
  resolve()
  await end
  expect(operations.get('1')).toEqual({ id: '1', action: 'switch', model: 'a', state: 'done', since: 1_000, until: 1_500 })
})

test('a failure reaches the caller that waits, and later callers', async () => {
  const { end, reject } = begin()
  const error = new ClosingError()
  reject(error)
  await expect(end).rejects.toBe(error)
  expect(operations.get('1')).toMatchObject({ state: 'failed', error: { code: 'LLMUX_ERR_CLOSING', message: error.message } })
})

test('forgets the oldest finished operations, and no running ones', async () => {
  const first = begin()
  for (let i = 0; i < 101; i++) await operations.begin('stop', 'b', async () => {}).end
  expect(operations.get('1')).toMatchObject({ state: 'running' })
  expect(() => operations.get('2')).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_OPERATION_NOT_FOUND' }))
  expect(operations.get('3')).toMatchObject({ state: 'done' })
  first.resolve()
  await first.end
  expect(operations.get('1')).toMatchObject({ state: 'done' })
})

test('there are not more than so many at once: the next is refused, and not begun', async () => {
  const all = Array.from({ length: mostRunning }, begin)
  const work = () => { throw new Error('begun') }
  expect(() => operations.begin('stop', 'b', work)).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_ADMIN_LIMIT', statusCode: 429 }))
  all[0]!.resolve()
  await all[0]!.end
  expect(begin().operation.state).toBe('running')
})
