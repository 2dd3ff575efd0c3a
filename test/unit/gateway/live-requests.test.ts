import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LiveRequests } from '../../../lib/gateway/live-requests.ts'
import type { LiveRequest } from '../../../lib/gateway/live-requests.ts'
import { property } from '../../helpers/property.ts'

test('has the requests that have come and not gone, whatever the order', () => {
  fc.assert(fc.property(fc.array(fc.nat(20)), steps => {
    const live = new LiveRequests()
    const expected = new Set<LiveRequest>()
    for (const step of steps) {
      const one = [...expected][step]
      if (one === undefined) {
        const request: LiveRequest = { request: 'r', route: '/', arrived: 0, heard: undefined, place: 0 }
        live.add(request)
        expected.add(request)
      } else {
        live.delete(one)
        expected.delete(one)
      }
      expect(new Set(live)).toEqual(expected)
      expect([...live]).toHaveLength(expected.size)
    }
  }), property(300))
})
