import { afterEach, expect, test, vi } from 'vitest'
import { call } from '../../../lib/switcher/callback.ts'

afterEach(() => { vi.restoreAllMocks() })

test('a callback gets what it is given', () => {
  const callback = vi.fn()
  call(callback, 1, 'two')
  expect(callback).toHaveBeenCalledExactlyOnceWith(1, 'two')
})

test('the error of a callback reaches the process, but not the caller', () => {
  const later: (() => void)[] = []
  vi.spyOn(process, 'nextTick').mockImplementation(callback => { later.push(callback as () => void) })
  const error = new Error('oh')
  expect(() => call(() => { throw error })).not.toThrow()
  expect(later).toHaveLength(1)
  expect(later[0]).toThrow(error)
})
