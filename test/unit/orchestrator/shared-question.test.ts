import { expect, test } from 'vitest'
import { SharedQuestion } from '../../../lib/orchestrator/shared-question.ts'

const settle = () => new Promise(resolve => setImmediate(resolve))

function rig () {
  const shared = new SharedQuestion<string>()
  const asked: Array<PromiseWithResolvers<string>> = []
  const question = () => {
    const { promise, resolve, reject } = withResolvers<string>()
    asked.push({ promise, resolve, reject })
    return promise
  }
  return { asked, ask: () => shared.ask(question) }
}

interface PromiseWithResolvers<T> { promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void }

function withResolvers<T> (): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((_resolve, _reject) => { resolve = _resolve; reject = _reject })
  return { promise, resolve, reject }
}

test('simultaneous callers share one answer', async () => {
  const { asked, ask } = rig()
  const answers = Promise.all([ask(), ask(), ask()])
  await settle()
  expect(asked).toHaveLength(1)
  asked[0]!.resolve('yes')
  expect(await answers).toEqual(['yes', 'yes', 'yes'])
})

test('nobody gets an answer that was begun before it asked', async () => {
  const { asked, ask } = rig()
  const early = ask()
  await settle()
  const late = [ask(), ask()]
  await settle()
  expect(asked).toHaveLength(1)
  asked[0]!.resolve('yes')
  await settle()
  expect(asked).toHaveLength(2)
  asked[1]!.resolve('no')
  expect(await early).toBe('yes')
  expect(await Promise.all(late)).toEqual(['no', 'no'])
})

test('a question that cannot be answered does not keep the next from being asked', async () => {
  const { asked, ask } = rig()
  const failing = ask()
  await settle()
  const next = ask()
  asked[0]!.reject(new Error('deaf'))
  await expect(failing).rejects.toThrow('deaf')
  await settle()
  asked[1]!.resolve('yes')
  expect(await next).toBe('yes')
})
