import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Output } from '../../../../lib/orchestrator/local/output.ts'
import { settle } from '../helper.ts'

function setUp () {
  const lines: string[] = []
  const output = new Output((stream, line) => lines.push(`${stream}: ${line}`))
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  output.read('stdout', stdout)
  output.read('stderr', stderr)
  return { lines, output, stdout, stderr }
}

describe('the output of an engine', () => {
  it('is told line by line, with the name of the stream', async () => {
    const { lines, stdout, stderr } = setUp()
    stdout.write('one\n')
    stderr.write('two\nthr')
    await settle()
    expect(lines).toEqual(['stdout: one', 'stderr: two'])
    stderr.end('ee')
    await settle()
    expect(lines).toEqual(['stdout: one', 'stderr: two', 'stderr: three'])
  })

  it('keeps the last lines in the order in which they came, then what is not over yet', async () => {
    const { output, stdout, stderr } = setUp()
    stdout.write('one\n')
    await settle()
    stderr.write('two\nnot ov')
    await settle()
    stdout.write('three\n')
    await settle()
    expect(output.last(10)).toEqual(['one', 'two', 'three', 'not ov'])
    expect(output.last(2)).toEqual(['three', 'not ov'])
  })

  it('keeps a thousand lines, and not many more', async () => {
    const { output, stdout } = setUp()
    stdout.write(Array.from({ length: 12_345 }, (_, index) => `${index}\n`).join(''))
    await settle()
    const kept = output.last(100_000).map(Number)
    expect(kept.length).toBeGreaterThanOrEqual(1_000)
    expect(kept.length).toBeLessThan(2_000)
    expect(kept.at(-1)).toBe(12_344)
    expect(kept[0]).toBe(12_345 - kept.length)
  })

  it('has ended when both streams have', async () => {
    const { output, stdout, stderr } = setUp()
    let ended = false
    output.ended().then(() => { ended = true })
    stdout.end('last words')
    await settle()
    expect(ended).toBe(false)
    stderr.end()
    await settle()
    expect(ended).toBe(true)
    expect(output.last(1)).toEqual(['last words'])
    await output.ended()
  })

  it('can stop reading while another process holds the pipes open', async () => {
    const { output, stdout, stderr } = setUp()
    output.close()
    await output.ended()
    expect([stdout.destroyed, stderr.destroyed]).toEqual([true, true])
  })

  it('survives a pipe that breaks', async () => {
    const { output, stdout, stderr } = setUp()
    stdout.write('one\n')
    await settle()
    stdout.destroy(new Error('broken'))
    stderr.end()
    await output.ended()
    expect(output.last(1)).toEqual(['one'])
  })
})
