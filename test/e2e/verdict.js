/**
 * @typedef {object} Token as the engine names it, by its id
 * @property {string} token
 * @property {{ token: string, logprob: number }[]} best the likeliest ones in its place, its own among them
 */

/** @typedef {{ text: string, tokens: Token[] }} Said */

/** @typedef {{ ok: boolean, parted?: number, margin?: number, why?: string, where?: string }} Verdict */

/**
 * Two tokens whose logarithms of probability differ by less are nearly tied: another batch, or a part computed again, adds
 * the same numbers in another order, which moves them by some millionths.
 */
export const nearlyTied = 0.001

/**
 * Whether an answer is the engine's own. It may part from the undisturbed one in one way only: where two tokens are nearly
 * tied, and then by the other one of these two. What comes after that is another text, of which nothing is known.
 * @param {Said} undisturbed
 * @param {Pick<Said, 'text'> & Partial<Said>} answer
 * @returns {Verdict}
 */
export function verdict (undisturbed, answer) {
  const { tokens = [] } = answer
  // A mock says nothing of its tokens, nor does it ever hesitate.
  if (undisturbed.tokens.length === 0 || tokens.length === 0) return answer.text === undisturbed.text ? { ok: true } : { ok: false, why: 'another text' }
  const parted = undisturbed.tokens.findIndex(({ token }, index) => tokens[index]?.token !== token)
  if (parted === -1) return tokens.length === undisturbed.tokens.length ? sameText(undisturbed, answer) : { ok: false, parted: undisturbed.tokens.length, why: 'it is longer' }
  if (tokens[parted] === undefined) return { ok: false, parted, why: 'it is shorter' }
  const [first, second] = [...undisturbed.tokens[parted]?.best ?? []].sort((a, b) => b.logprob - a.logprob)
  if (first === undefined || second === undefined) return { ok: false, parted, why: 'nothing is known of the other tokens in that place' }
  const margin = first.logprob - second.logprob
  if (margin > nearlyTied) return { ok: false, parted, margin, why: 'there was a clear best token' }
  if (tokens[parted].token !== first.token && tokens[parted].token !== second.token) return { ok: false, parted, margin, why: 'it is neither of the two that are nearly tied' }
  return { ok: true, parted, margin }
}

/** By what the engine has said of itself when it was asked directly. @param {Map<string, Said>} expected @param {string} name @param {Parameters<typeof verdict>[1]} answer */
export function judge (expected, name, answer) {
  return verdict(expected.get(name) ?? { text: `nothing is known of ${name}`, tokens: [] }, answer)
}

/** The same tokens with another text would be a fault of the way, not of the engine. @param {Said} undisturbed @param {Pick<Said, 'text'>} answer @returns {Verdict} */
function sameText (undisturbed, answer) {
  if (answer.text === undisturbed.text) return { ok: true }
  const length = Math.max(answer.text.length, undisturbed.text.length)
  const at = Array.from({ length }, (_, index) => index).find(index => answer.text[index] !== undisturbed.text[index]) ?? length
  const around = (/** @type {string} */ text) => JSON.stringify(text.slice(Math.max(0, at - 10), at + 20))
  return { ok: false, why: 'the same tokens, and another text', where: `at ${at} of ${undisturbed.text.length} characters ${around(undisturbed.text)} became ${around(answer.text)} of ${answer.text.length}` }
}

/** How answers came out, for the line of a check. @param {Verdict[]} verdicts */
export function summary (verdicts) {
  const ties = verdicts.filter(({ ok, parted }) => ok && parted !== undefined)
  const same = verdicts.filter(({ ok, parted }) => ok && parted === undefined)
  return `${same.length} equal${ties.length === 0 ? '' : `, ${ties.length} parted at a near tie (margins up to ${Math.max(...ties.map(({ margin = 0 }) => margin)).toExponential(1)})`} of ${verdicts.length}`
}

/** What an answer, or an event of its stream, says of its tokens. @param {any} choice @returns {Token[]} */
export function tokensOf (choice) {
  return (choice?.logprobs?.content ?? []).map((/** @type {any} */ { token, top_logprobs: best }) => ({
    token, best: best.map((/** @type {any} */ { token, logprob }) => ({ token, logprob }))
  }))
}
