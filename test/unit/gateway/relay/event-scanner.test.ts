import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventScanner } from '../../../../lib/gateway/relay/event-scanner.ts'

const feed = (scanner: EventScanner, text: string) => {
  const { whole, fromError } = scanner.feed(Buffer.from(text))
  return { whole: whole.toString(), fromError: fromError?.toString() }
}

describe('whole events', () => {
  test('pass as they come', () => {
    expect(feed(new EventScanner(), 'data: 1\n\ndata: 2\n\n')).toEqual({ whole: 'data: 1\n\ndata: 2\n\n', fromError: undefined })
  })

  test('what follows the last of them is held back until it is whole', () => {
    const scanner = new EventScanner()
    expect(feed(scanner, 'data: 1\n\ndata: 2').whole).toBe('data: 1\n\n')
    expect(scanner.rest.toString()).toBe('data: 2')
    expect(feed(scanner, '2\n').whole).toBe('')
    expect(feed(scanner, '\ndata').whole).toBe('data: 22\n\n')
    expect(scanner.rest.toString()).toBe('data')
  })

  test('may be parted by carriage returns as well', () => {
    const scanner = new EventScanner()
    expect(feed(scanner, 'data: 1\r\n\r\ndata: 2\r\n').whole).toBe('data: 1\r\n\r\n')
    expect(scanner.rest.toString()).toBe('data: 2\r\n')
  })

  test('no byte is lost or changed, however the stream is cut', () => {
    fc.assert(fc.property(fc.array(fc.string()), fc.infiniteStream(fc.nat(12)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map(line => `data: ${line}\n\n`).join(''))
      const scanner = new EventScanner()
      const out: Buffer[] = []
      let from = 0
      for (const length of cuts) {
        if (from >= bytes.length) break
        const { whole, fromError } = scanner.feed(bytes.subarray(from, from + length))
        out.push(Buffer.from(whole), Buffer.from(fromError ?? ''))
        from += length
      }
      expect(Buffer.concat([...out, scanner.rest]).equals(bytes)).toBe(true)
    }))
  })

  test('does not hold back text without the end of an event forever', () => {
    const scanner = new EventScanner()
    const chunk = Buffer.alloc(700 * 1024, 'x')
    expect(scanner.feed(chunk).whole.length).toBe(0)
    expect(scanner.feed(chunk).whole.length).toBe(1400 * 1024)
    expect(scanner.rest.length).toBe(0)
  })
})

describe('an error event', () => {
  test.each([
    ['data: {"error":{"message":"dead","code":500}}\n\n'],
    ['data: {"error": {"message": "dead"}}\n\ndata: [DONE]\n\n'],
    ['data:{ "error" : 1}\n\n'],
    ['data: {"type":"error","error":{}}\n\n'],
    ['event: error\ndata: {}\n\n'],
    ['event: error\r\ndata: {}\r\n\r\n']
  ])('is found, and all that follows it: %j', text => {
    expect(feed(new EventScanner(), `data: 1\n\n${text}`)).toEqual({ whole: 'data: 1\n\n', fromError: text })
  })

  test('is found when it comes in pieces', () => {
    const scanner = new EventScanner()
    expect(feed(scanner, 'data: 1\n\ndata: {"err')).toEqual({ whole: 'data: 1\n\n', fromError: undefined })
    expect(feed(scanner, 'or":{}}\n\n')).toEqual({ whole: '', fromError: 'data: {"error":{}}\n\n' })
  })

  test.each([
    ['data: {"choices":[{"delta":{"content":"an error occurred"}}]}\n\n'],
    ['data: {"choices":[{"delta":{"content":"data: {\\"error\\":1}"}}]}\n\n'],
    ['data: {"id":"1","error":null}\n\n'],
    ['event: errors_found\ndata: {}\n\n'],
    ['data: {"type":"response.completed","response":{"error":null}}\n\n']
  ])('is not seen where the model only writes of one: %j', text => {
    expect(feed(new EventScanner(), text)).toEqual({ whole: text, fromError: undefined })
  })

  test('multi-byte characters before it do not shift where it begins', () => {
    const text = 'data: {"x":"häß🤖 error"}\n\n'
    expect(feed(new EventScanner(), `${text}data: {"error":{}}\n\n`)).toEqual({ whole: text, fromError: 'data: {"error":{}}\n\n' })
  })
})
