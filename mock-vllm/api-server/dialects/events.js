import { tokenJsonAt } from '../answer-text.js'

export const done = 'data: [DONE]\n\n'

/** @param {unknown} value */
export function data (value) {
  return `data: ${JSON.stringify(value)}\n\n`
}

/** @param {{ type: string } & Record<string, unknown>} value */
export function named (value) {
  return `event: ${value.type}\n${data(value)}`
}

/** As vLLM ends a stream whose engine has died, with Python's spaces. @param {{ error: { message: string, type: string, code: number } }} error */
export function brokenWithDone ({ error: { message, type, code } }) {
  return `data: {"error": {"message": ${JSON.stringify(message)}, "type": "${type}", "param": null, "code": ${code}}}\n\n${done}`
}

/**
 * Chunks that differ in nothing but their text, put together from ready-made halves: an event costs one concatenation.
 * @param {import('../job.js').Generation} g @param {string} before @param {string} after @param {number} from @param {number} to
 */
export function repeat (g, before, after, from, to) {
  let text = ''
  for (let index = from; index < to; index += 1) text += before + tokenJsonAt(g.text, index) + after
  return text
}

/**
 * Runs of tokens for every choice, the last one with the reason.
 * @param {import('../job.js').Generation} g @param {number} from @param {number} to @param {string | null} reason
 * @param {(choice: number, reason: string | null) => [before: string, after: string]} halves
 */
export function choiceTokens (g, from, to, reason, halves) {
  let text = ''
  for (let choice = 0; choice < g.choices; choice += 1) {
    const [before, after] = halves(choice, null)
    const plainTo = reason === null ? to : Math.max(from, to - 1)
    text += repeat(g, before, after, from, plainTo)
    if (reason === null) continue
    const [lastBefore, lastAfter] = halves(choice, reason)
    text += lastBefore + (to > from ? tokenJsonAt(g.text, to - 1) : '""') + lastAfter
  }
  return text
}

/** @param {import('../job.js').Generation} g @param {number} tokens per choice */
export function usageOf (g, tokens) {
  return { prompt_tokens: g.promptTokens, total_tokens: g.promptTokens + tokens * g.choices, completion_tokens: tokens * g.choices }
}

/** @param {number} count @param {(index: number) => object} make */
export function choicesOf (count, make) {
  return Array.from({ length: count }, (_, index) => make(index))
}
