import { describe, expect, test } from 'vitest'
import { Lease } from '../../../lib/switcher/lease.ts'
import type { LeaseEnd } from '../../../lib/switcher/lease.ts'

function granted () {
  const ends: LeaseEnd[] = []
  const lease = new Lease({
    id: 7,
    model: 'a',
    since: 1_000,
    onEnd: (ended, how) => {
      expect(ended).toBe(lease)
      ends.push(how)
    }
  })
  return { lease, ends }
}

const error = new Error('because')

test('a lease says whose it is and since when', () => {
  const { lease } = granted()
  expect(lease).toMatchObject({ id: 7, model: 'a', since: 1_000, ended: false, error: undefined })
})

describe('rule 3: a lease ends exactly once', () => {
  const ways: Record<LeaseEnd, (lease: Lease) => void> = {
    released: lease => lease.release(),
    cut: lease => lease.cut(error),
    lost: lease => lease.lose(error)
  }
  const pairs = Object.keys(ways).flatMap(first => Object.keys(ways).map(second => [first, second] as [LeaseEnd, LeaseEnd]))

  test.each(pairs)('%s, then %s', (first, second) => {
    const { lease, ends } = granted()
    ways[first](lease)
    ways[second](lease)
    expect(ends).toEqual([first])
    expect(lease.ended).toBe(true)
    expect(lease.error).toBe(first === 'released' ? undefined : error)
    expect(lease.signal.aborted).toBe(first === 'cut')
  })
})

describe('its signal', () => {
  test('asked for before the cut is aborted by it', () => {
    const { lease } = granted()
    const { signal } = lease
    expect(signal.aborted).toBe(false)
    lease.cut(error)
    expect(signal).toMatchObject({ aborted: true, reason: error })
  })

  test('asked for after the cut is aborted already', () => {
    const { lease } = granted()
    lease.cut(error)
    expect(lease.signal).toMatchObject({ aborted: true, reason: error })
  })

  test('is always the same', () => {
    const { lease } = granted()
    const { signal } = lease
    lease.cut(error)
    expect(lease.signal).toBe(signal)
  })

  test('is not aborted when the engine dies: bytes that have arrived are still to be read', () => {
    const { lease } = granted()
    const { signal } = lease
    lease.lose(error)
    expect(signal.aborted).toBe(false)
    expect(lease.signal.aborted).toBe(false)
  })

  test('is aborted before anybody hears of the end', () => {
    const order: string[] = []
    const lease = new Lease({ id: 1, model: 'a', since: 0, onEnd: () => order.push('ended') })
    lease.signal.addEventListener('abort', () => {
      order.push('aborted')
      // Whoever lets go says so, which changes nothing any more.
      lease.release()
    })
    lease.cut(error)
    expect(order).toEqual(['aborted', 'ended'])
  })
})
