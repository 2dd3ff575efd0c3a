import { expect, test } from 'vitest'
import { nearlyTied, summary, tokensOf, verdict } from '../../e2e/verdict.js'

/** Made-up tokens: a name, the runner-up, and how far that is behind. */
function said (...places: Array<[token: string, other: string, margin: number]>) {
  return {
    text: places.map(([token]) => token).join(''),
    tokens: places.map(([token, other, margin]) => ({ token, best: [{ token, logprob: -1 }, { token: other, logprob: -1 - margin }] }))
  }
}

const clear = 2
const tie = nearlyTied / 10
const own = said(['a', 'x', clear], ['b', 'y', tie], ['c', 'z', clear])

test('the same answer is the engine’s own', () => {
  expect(verdict(own, structuredClone(own))).toEqual({ ok: true })
})

test('one that parts at a near tie, by the other token of it, is too, whatever the rest', () => {
  const { ok, parted, margin } = verdict(own, said(['a', 'x', clear], ['y', 'b', tie], ['q', 'r', clear]))
  expect({ ok, parted }).toEqual({ ok: true, parted: 1 })
  expect(margin).toBeCloseTo(tie)
})

test('the engine may have said the second best itself: sampled from a tie it is one of the two all the same', () => {
  const sampled = { text: 'b', tokens: [{ token: 'b', best: [{ token: 'a', logprob: -1 }, { token: 'b', logprob: -1 - tie }] }] }
  expect(verdict(sampled, said(['a', 'b', tie])).ok).toBe(true)
})

test.for<[why: string, answer: ReturnType<typeof said>]>([
  ['there was a clear best token', said(['x', 'a', clear], ['b', 'y', tie], ['c', 'z', clear])],
  ['there was a clear best token', said(['a', 'x', clear], ['b', 'y', tie], ['z', 'c', clear])],
  ['it is neither of the two that are nearly tied', said(['a', 'x', clear], ['q', 'b', tie], ['c', 'z', clear])],
  ['it is shorter', said(['a', 'x', clear], ['b', 'y', tie])],
  ['it is longer', said(['a', 'x', clear], ['b', 'y', tie], ['c', 'z', clear], ['d', 'w', clear])],
  ['the same tokens, and another text', { ...own, text: 'abC' }]
])('a fault: %s (%#)', ([why, answer]) => {
  expect(verdict(own, answer)).toMatchObject({ ok: false, why })
})

test('a margin just above the limit is a fault', () => {
  const at = (margin: number) => verdict(said(['a', 'b', margin]), said(['b', 'a', margin])).ok
  expect([at(nearlyTied * 0.99), at(nearlyTied * 1.01)]).toEqual([true, false])
})

test('where nothing is said of tokens, the text must be the same', () => {
  expect(verdict({ text: 'a', tokens: [] }, { text: 'a' }).ok).toBe(true)
  expect(verdict({ text: 'a', tokens: [] }, { text: 'b' }).ok).toBe(false)
  expect(verdict(own, { text: 'ab' }).ok).toBe(false)
})

test('it reads what vLLM says', () => {
  const top = [{ token: 'token_id:5', logprob: -1, bytes: [65] }, { token: 'token_id:6', logprob: -2, bytes: [66] }]
  expect(tokensOf({ logprobs: { content: [{ token: 'token_id:5', logprob: -1, bytes: [65], top_logprobs: top }] } }))
    .toEqual([{ token: 'token_id:5', best: [{ token: 'token_id:5', logprob: -1 }, { token: 'token_id:6', logprob: -2 }] }])
  expect(tokensOf({ logprobs: null })).toEqual([])
  expect(summary([{ ok: true }, { ok: true, parted: 3, margin: 0.0004 }, { ok: false, why: 'x' }])).toBe('1 equal, 1 parted at a near tie (margins up to 4.0e-4) of 3')
})
