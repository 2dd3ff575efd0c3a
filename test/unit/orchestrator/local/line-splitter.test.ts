import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from '../../../../lib/orchestrator/local/line-splitter.ts'

function split (...chunks: Array<string | Buffer>): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter(line => lines.push(line))
  chunks.forEach(chunk => splitter.write(Buffer.from(chunk)))
  splitter.end()
  return lines
}

describe('the lines of an engine\'s output', () => {
  it('end at newlines, wherever the chunks end', () => {
    expect(split('one\ntw', 'o\nthree', '\n')).toEqual(['one', 'two', 'three'])
  })

  it('include a last one without a newline', () => {
    expect(split('one\ntwo')).toEqual(['one', 'two'])
  })

  it('come as soon as they are over', () => {
    const lines: string[] = []
    const splitter = new LineSplitter(line => lines.push(line))
    splitter.write(Buffer.from('one\ntw'))
    expect(lines).toEqual(['one'])
    expect(splitter.pending).toBe('tw')
    splitter.end()
    expect(lines).toEqual(['one', 'tw'])
    expect(splitter.pending).toBe('')
  })

  it('have no colours, and no other control characters but tabs', () => {
    expect(split('\u001b[1;31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007\ta\u0000b\u0007c\u0085d\n')).toEqual(['red link\tabcd'])
  })

  it('keep their indentation, and lose spaces at the end', () => {
    expect(split('  indented  \n')).toEqual(['  indented'])
  })

  it('are left out when nothing is in them', () => {
    expect(split('one\n\n  \n\u001b[0m\n\r\ntwo\n')).toEqual(['one', 'two'])
  })

  it('lose carriage returns before the newline', () => {
    expect(split('one\r\ntwo\r\r\n')).toEqual(['one', 'two'])
  })

  it('show the last state of a progress bar, as a terminal would', () => {
    expect(split('loading: 10%\r', 'loading: 50%\r', '\rloading: 100%\n', 'done\n')).toEqual(['loading: 100%', 'done'])
    expect(split('loading: 50%\rloading: 100%\r\n')).toEqual(['loading: 100%'])
    expect(split('loading: 50%\r\u001b[K\ndone\n')).toEqual(['done'])
  })

  it('show the state of a progress bar that goes on', () => {
    const splitter = new LineSplitter(() => {})
    splitter.write(Buffer.from('10%\r20%\r'))
    expect(splitter.pending).toBe('20%')
    splitter.write(Buffer.from('30'))
    splitter.write(Buffer.from('%'))
    expect(splitter.pending).toBe('30%')
  })

  it('keep characters whole that are split between chunks', () => {
    const bytes = Buffer.from('größe 🚀\n')
    expect(split(...[...bytes].map(byte => Buffer.from([byte])))).toEqual(['größe 🚀'])
  })

  it('show where a character is broken off for good', () => {
    expect(split(Buffer.from([0x61, 0xc3]))).toEqual(['a\ufffd'])
  })

  it('are cut when they are very long', () => {
    const [line, next, ...more] = split('x'.repeat(5_000), 'y'.repeat(5_000), 'z'.repeat(5_000) + '\nnext\n')
    expect(line).toBe('x'.repeat(5_000) + 'y'.repeat(3_192) + '…')
    expect(next).toBe('next')
    expect(more).toEqual([])
  })

  it('are whole up to the limit', () => {
    expect(split('x'.repeat(8_192) + '\n')).toEqual(['x'.repeat(8_192)])
  })

  it('keep no more than that of one that never ends', () => {
    const splitter = new LineSplitter(() => {})
    for (let chunk = 0; chunk < 100; chunk++) splitter.write(Buffer.from('x'.repeat(10_000)))
    expect(splitter.pending).toHaveLength(8_192)
  })

  it('are whole again after a progress bar that was cut', () => {
    expect(split('x'.repeat(10_000) + '\r', 'done\n').map(line => line.slice(0, 20))).toEqual(['done'])
  })

  it('keep no overwritten states of a progress bar that never ends its line', () => {
    expect(split(...Array.from({ length: 10_000 }, (_, index) => `\rstep ${index}`))).toEqual(['step 9999'])
  })

  it('do not depend on where the chunks end', () => {
    const text = fc.array(fc.constantFrom('a', 'b', ' ', '\n', '\r', '\r\n', 'ü', '🚀', '\u001b[31m', '\t'), { maxLength: 60 }).map(parts => parts.join(''))
    fc.assert(fc.property(text, fc.array(fc.nat(60)), (text, cuts) => {
      const bytes = Buffer.from(text)
      const ends = [...new Set(cuts)].sort((a, b) => a - b)
      const chunks = [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
      expect(split(...chunks)).toEqual(split(bytes))
    }))
  })
})

describe('a line that is rewritten', () => {
  function rewrites (...chunks: string[]) {
    const told: string[] = []
    const splitter = new LineSplitter(line => told.push(`line ${line}`), text => told.push(text))
    chunks.forEach(chunk => splitter.write(Buffer.from(chunk)))
    return told
  }

  it('is told with each of its states, and as a line when it is over', () => {
    expect(rewrites('\rshards: 0/2', '\rshards: 1/2', '\rshards: 2/2\n')).toEqual(['shards: 0/2', 'shards: 1/2', 'line shards: 2/2'])
  })

  it('is told by its last state, if several come at once', () => {
    expect(rewrites('\r0/9\r1/9\r2/9')).toEqual(['2/9'])
  })

  it('is none that ends as on Windows, or that only grows', () => {
    expect(rewrites('one\r\n', 'tw', 'o\n')).toEqual(['line one', 'line two'])
  })
})
