import { expect, test } from 'vitest'
import { responseHeaders } from '../../../../lib/gateway/relay/response-headers.ts'

test('an event stream asks proxies not to buffer it, whatever the engine says, and other answers do not', () => {
  const type = { 'content-type': 'text/event-stream; charset=utf-8' }
  expect(responseHeaders(type)).toEqual({ ...type, 'x-accel-buffering': 'no' })
  expect(responseHeaders({ 'content-type': 'application/json' })).toEqual({ 'content-type': 'application/json' })
})

test('headers of one connection, those it names and those of another origin stay behind', () => {
  const headers = { 'keep-alive': 'timeout=5', connection: 'close, x-hop', 'x-hop': '1', 'access-control-allow-origin': '*', 'x-request-id': 'r' }
  expect(responseHeaders(headers)).toEqual({ 'x-request-id': 'r' })
})

test('What Node would refuse is taken out of values.', () => {
  expect(responseHeaders({ 'x-odd': 'a\u0001b\u{1f600}é', 'set-cookie': ['x\u0100=1'] })).toEqual({ 'x-odd': 'abé', 'set-cookie': ['x=1'] })
})
