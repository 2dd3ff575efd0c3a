import { expect, test } from 'vitest'
import { requestHeaders } from '../../../../lib/gateway/relay/request-headers.ts'

test('What is between the client and us only stays here, with what its connection header names.', () => {
  const headers = { connection: 'close, X-Mine', 'x-mine': '1', 'x-other': '2', expect: '100-continue', ':path': '/v1/completions', host: 'gateway' }
  expect(requestHeaders(headers, undefined, false)).toEqual(['content-type', 'application/octet-stream', 'x-other', '2'])
})

test('The type goes with the body, and its length is counted anew.', () => {
  expect(requestHeaders({ 'content-type': 'application/json', 'content-length': '7' }, undefined, false)).toEqual(['content-type', 'application/json'])
})

test.each([
  [undefined, false, []],
  [undefined, true, ['authorization', 'Bearer client', 'x-api-key', 'k']],
  ['engine', true, ['x-api-key', 'k', 'authorization', 'Bearer engine']]
])('Credentials, with the engine\'s key %s and forwarding %s.', (apiKey, forward, expected) => {
  expect(requestHeaders({ authorization: 'Bearer client', 'x-api-key': 'k' }, apiKey, forward).slice(2)).toEqual(expected)
})
