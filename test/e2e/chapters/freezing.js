import { chat, Stream } from '../chat.js'
import { summary, verdict } from '../verdict.js'
import { prompts } from './serving.js'

const rounds = 10

/**
 * Four streams and four plain answers of one model, in the midst of which the other one is awake ten times.
 * @param {import('../stage.js').Stage} stage
 */
export async function frozenAnswers ({ app, subject: { models: [a, b], tokens }, report }) {
  const [first, second] = [String(a?.name), String(b?.name)]
  const ask = () => prompts.flatMap(prompt => [new Stream(app, first, prompt, 4 * tokens).answer, chat(app, first, prompt, 4 * tokens)])
  for (const name of [second, first]) await app.switchTo(name)
  // Asked together, as they are afterwards: the same batch.
  const undisturbed = await Promise.all(ask())
  const asked = ask()
  const inFlight = async () => (await app.status()).models.find((/** @type {any} */ model) => model.name === first)
  await app.until('all are in flight', async () => (await inFlight()).inFlight === asked.length)
  let frozen = 0
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await app.switchTo(second)
    report.time(`switch that freezes ${asked.length}`, performance.now() - began)
    frozen += (await inFlight()).frozen
    await app.switchTo(first)
  }
  const answers = await Promise.all(asked)
  report.check(`all ${asked.length} were frozen ${rounds} times`, frozen === rounds * asked.length, { frozen })
  answers.forEach((answer, index) => {
    const how = index % 2 === 0 ? 'a stream' : 'at once'
    // One that came at once has no more to tell.
    const { status, text, finish = 'length', broken = false } = /** @type {Partial<import('../chat.js').Answer>} */ (answer)
    report.check(`whole: ${prompts[index >> 1]} (${how})`, status === 200 && text !== '' && finish === 'length' && !broken, { ...answer, tokens: answer.tokens.length })
  })
  // Tokens of random weights are often nearly tied, and what is computed again may tip such a tie: over thousands of tokens some answers part.
  const verdicts = answers.map((answer, index) => verdict(undisturbed[index] ?? answer, answer))
  report.check(`each is the engine’s own: ${summary(verdicts)}`, verdicts.every(({ ok }) => ok), verdicts)
}
