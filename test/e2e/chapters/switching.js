import { chat, Stream } from '../chat.js'
import { judge, summary } from '../verdict.js'
import { prompts } from './serving.js'

/** Another model is asked for while streams run: they end whole, and before it begins unless the policy freezes them. @param {import('../stage.js').Stage} stage */
export async function midStream ({ app, subject: { models: [a, b], tokens }, report, expected }) {
  const [first, second] = [String(a?.name), String(b?.name)]
  await chat(app, first, 'Hello', 2)
  const from = app.events.length
  const running = prompts.map(prompt => new Stream(app, first, prompt, tokens))
  await app.until('the streams have begun', () => running.every(({ text }) => text.length > 2))
  const others = prompts.slice(0, 2).map(prompt => new Stream(app, second, prompt, tokens))
  await app.until('the other model is waited for', async () => (await app.status()).waiting === others.length || others.some(({ text }) => text !== ''))
  const late = new Stream(app, first, prompts[0] ?? '', tokens)
  const answers = await Promise.all([...running, ...others, late].map(({ answer }) => answer))
  const asked = [...prompts.map(prompt => `${first} ${prompt}`), ...prompts.slice(0, 2).map(prompt => `${second} ${prompt}`), `${first} ${prompts[0]}`]
  answers.forEach((answer, index) => {
    const name = String(asked[index])
    const { status, finish, broken } = answer
    const own = judge(expected, name, answer)
    report.check(`whole, and the engine’s own answer: ${name}${index === answers.length - 1 ? ' (asked after the other)' : ''}`,
      status === 200 && finish === 'length' && !broken && own.ok, { ...answer, tokens: answer.tokens.length, own, expected: expected.get(name)?.text })
  })
  const lastOfFirst = Math.max(...answers.slice(0, running.length).map(({ ended }) => ended))
  const firstOfSecond = Math.min(...answers.slice(running.length, -1).map(({ ended }) => ended))
  const frozen = app.events.slice(from).some(({ event, to }) => event === 'request' && to === 'frozen')
  report.check(`those who came first have ended first, unless they were frozen${frozen ? ', as they were' : ''}`, frozen || lastOfFirst < firstOfSecond)
}

/** There and back, each answer looked at. @param {import('../stage.js').Stage} stage @param {number} count */
export async function backAndForth ({ app, subject: { models, tokens }, report, expected }, count) {
  const prompt = String(prompts[1])
  // Both have run, so that it is a wake and no start, where the level allows it.
  for (const { name } of models) await chat(app, name, 'Hello', 1)
  const from = app.events.length
  const verdicts = []
  for (let index = 0; index < count; index++) {
    const name = String(models[index % 2]?.name)
    const answer = await chat(app, name, prompt, tokens)
    verdicts.push(judge(expected, `${name} ${prompt}`, answer))
    report.time(`request that switches, ${tokens} tokens`, answer.ms)
  }
  const switches = app.events.slice(from).filter(({ event, to }) => event === 'transition' && to === 'idle').length
  report.check(`${count} switches, each answer the engine’s own: ${summary(verdicts)}`, verdicts.every(({ ok }) => ok) && switches === count, { verdicts, switches })
}
