/**
 * What is wrong with what a client's user saw, in words; nothing if all is as it must be.
 * @param {import('./steps.js').Step} step
 * @param {import('./steps.js').Saw | undefined} saw
 * @param {{ expect: import('./steps.js').Expected, asked: number, engineSaw: any, aborted: boolean }} facts
 * @returns {string[]}
 */
export function judge (step, saw, { expect, asked, engineSaw, aborted }) {
  if (saw === undefined) return ['the program ended before this']
  const faults = expect.answer ? judgeAnswer(step, saw) : expect.status !== undefined ? judgeError(saw, expect) : []
  if (expect.asked !== undefined && asked !== expect.asked) faults.push(`the gateway was asked ${asked} times, not ${expect.asked}`)
  if (expect.engineSaw && !expect.engineSaw(engineSaw)) faults.push(`the engine saw ${JSON.stringify(engineSaw)}`)
  if (expect.aborted && saw.error) faults.push(`leaving was an error: ${saw.error.message}`)
  if (expect.aborted && !aborted) faults.push('the engine has not stopped')
  return faults
}

/** @param {import('./steps.js').Step} step @param {import('./steps.js').Saw} saw */
function judgeAnswer ({ op, model }, { error, length, text, finish }) {
  if (error) return [`an error: ${error.type} ${error.status} ${error.message}`]
  if (op === 'embeddings') return length === 8 ? [] : [`an embedding of ${length} numbers`]
  const faults = []
  if (!text?.startsWith(`[served=${model} `)) faults.push(`another answer: ${text}`)
  if (finish !== 'length') faults.push(`finish_reason ${finish}`)
  return faults
}

/** @param {import('./steps.js').Saw} saw @param {import('./steps.js').Expected} expect */
function judgeError ({ error, text, finish }, expect) {
  if (error === undefined) return [`no error, but an answer: ${text} (${finish})`]
  const faults = []
  if (error.status !== expect.status) faults.push(`status ${error.status}, not ${expect.status}`)
  if (expect.code !== undefined && error.code !== expect.code) faults.push(`code ${error.code}, not ${expect.code}`)
  if (!error.message) faults.push('an error without a message')
  return faults
}
