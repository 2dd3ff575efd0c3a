/** What the model "says": who answered whom, what was asked, then filler words. The same question at temperature 0 gets the same words. */

const filler = 'the a model token stream answer quiet river seven window paper north simple engine bright'.split(' ').map((word) => ` ${word}`)
const fillerJson = filler.map((word) => JSON.stringify(word))
const maxEcho = 40

/** @param {string} text */
function hash (text) {
  let value = 2166136261
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 16777619)
  return value >>> 0
}

/**
 * @typedef {object} AnswerText
 * @property {string[]} head tokens of its own, before the filler
 * @property {number} seed
 */

/**
 * @param {object} about
 * @param {string} about.served
 * @param {string} about.engine
 * @param {string} about.asked
 * @param {string} about.prompt
 * @param {number | undefined} about.counter left out at temperature 0, where answers repeat
 * @param {boolean} about.garbage
 * @returns {AnswerText}
 */
export function answerText ({ served, engine, asked, prompt, counter, garbage }) {
  if (garbage) return { head: Array(64).fill('!'), seed: 0 }
  const tag = `[served=${served} engine=${engine} asked=${asked}${counter === undefined ? '' : ` #${counter}`}]`
  const echo = prompt.slice(0, 400).split(/\s+/).filter(Boolean).slice(0, maxEcho).map((word) => ` ${word}`)
  return { head: [tag, ...echo], seed: hash(`${served} ${prompt.slice(0, 400)}`) }
}

/** @param {AnswerText} text @param {number} index */
export function tokenAt ({ head, seed }, index) {
  return head[index] ?? filler[(seed + index * 7) % filler.length] ?? ''
}

/** The same as a JSON string, which for fillers is ready made. @param {AnswerText} text @param {number} index */
export function tokenJsonAt ({ head, seed }, index) {
  const own = head[index]
  return own === undefined ? fillerJson[(seed + index * 7) % filler.length] ?? '""' : JSON.stringify(own)
}

/** Fillers repeat after so many tokens, so that a long text is put together from whole rounds. */
const round = filler.length

/** @param {AnswerText} text @param {number} count */
export function textOf (text, count) {
  const own = Math.min(count, text.head.length)
  const rest = (count - own) % round
  let result = text.head.slice(0, own).join('')
  if (count - own >= round) result += words(text, own, own + round).repeat((count - own - rest) / round)
  return result + words(text, own, own + rest)
}

/** @param {AnswerText} text @param {number} from @param {number} to */
function words (text, from, to) {
  let result = ''
  for (let index = from; index < to; index += 1) result += tokenAt(text, index)
  return result
}

/** One token per word, near enough. @param {string} prompt */
export function countTokens (prompt) {
  return prompt.split(/\s+/).filter(Boolean).length + 1
}
