import { describe, expect, it } from 'vitest'
import { Fields } from '../../../../lib/cli/config/fields.ts'
import { readSets, sharesOf } from '../../../../lib/cli/config/llama-swap-matrix.ts'

const vars = { a: 'A', b: 'B', c: 'C', d: 'D' }
const setsOf = (sets: Record<string, string>) => readSets(new Fields({ vars, sets }, ['matrix'])).map(set => [...set].join('')).join(' ')

describe('the sets of a matrix', () => {
  it.each([
    ['a', 'A'],
    ['a & b', 'AB'],
    ['a | b', 'A B'],
    ['(a | b) & c', 'AC BC'],
    ['a & b | c', 'AB C'],
    ['(a | b) & (c | d)', 'AC AD BC BD']
  ])('%s', (text, combinations) => expect(setsOf({ s: text })).toBe(combinations))

  it('may name each other', () => {
    expect(setsOf({ llms: 'a | b', all: '+llms & c' })).toBe('A B AC BC')
  })

  it.each([
    [{ s: 'a & x' }, 'matrix.sets.s has "x", which is not in vars'],
    [{ s: '(a' }, 'matrix.sets.s cannot be read from "" on'],
    [{ s: 'a b' }, 'matrix.sets.s cannot be read from "b" on'],
    [{ s: '+t' }, 'matrix.sets.t must be a set: it is named by another one'],
    [{ s: '+t', t: '+s' }, 'matrix.sets.s has sets that contain each other']
  ])('that cannot be read are refused: %j', (sets, message) => expect(() => setsOf(sets)).toThrow(message))

  it('become shares with which every one of them fits', () => {
    const sets = readSets(new Fields({ vars, sets: { s: '(a | b) & c', t: 'a & b & d', u: 'd' } }))
    const shares = sharesOf(sets)
    expect([...shares]).toEqual([['A', 0.333], ['C', 0.5], ['B', 0.333], ['D', 0.333]])
    for (const set of sets) expect([...set].reduce((sum, model) => sum + shares.get(model)!, 0)).toBeLessThanOrEqual(1)
  })
})
