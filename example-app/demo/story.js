import OpenAI from 'openai'
import { readFeed } from './feed.js'
import { narrator } from './narrator.js'

const adminKey = 'sk-example-admin'
const annsTokens = 60
const bobsTokens = 24

/**
 * @typedef {object} Reading what a client has got
 * @property {number} tokens
 * @property {string | undefined} finishReason
 * @property {string[]} models who has answered, according to the chunks
 * @property {number} asked ms since the epoch
 * @property {number} first ms since the epoch: the first token
 * @property {number} last ms since the epoch: the end of the stream
 *
 * @typedef {object} Story
 * @property {Reading} ann
 * @property {Reading} bob
 * @property {Reading} again
 * @property {import('./feed.js').GatewayEvent[]} events
 */

/**
 * Ann streams from one model; before she is through, Bob asks for the other one; then Ann comes back.
 * @param {string} origin
 * @param {import('./timeline.js').Timeline} timeline
 * @param {AbortSignal} signal
 * @returns {Promise<Story>}
 */
export async function play (origin, timeline, signal) {
  /** @type {Story['events']} */
  const events = []
  const narrate = narrator(timeline, ['Ann', 'Bob', 'Ann'])
  await readFeed(origin, adminKey, event => {
    events.push(event)
    narrate(event)
  })

  const ann = client(origin, 'sk-example-team-a')
  const bob = client(origin, 'sk-example-team-b')

  timeline.add('gateway', 'is ready; no model is running')
  const names = (await ann.models.list({ signal })).data.map(({ id }) => id)
  timeline.add('Ann', `lists the models: ${names.join(', ')}`)

  /** @type {Promise<Reading> | undefined} */
  let bobs
  timeline.add('Ann', `asks qwen-14b for ${annsTokens} tokens, as a stream`)
  const anns = await read(ann, { model: 'qwen-14b', tokens: annsTokens, signal }, token => {
    if (token === 1) timeline.add('Ann', 'reads the first token')
    if (token === 15) {
      timeline.add('Bob', `asks gemma-12b for ${bobsTokens} tokens`)
      bobs = read(bob, { model: 'gemma-12b', tokens: bobsTokens, signal }, token => {
        if (token === 1) timeline.add('Bob', 'reads the first token')
      })
      // Awaited below; until then nobody else is there to hear of a failure.
      bobs.catch(() => {})
    }
    if (token === 30 || token === 45) timeline.add('Ann', `has read ${token} of ${annsTokens} tokens, while Bob waits`)
  })
  timeline.add('Ann', `has read ${anns.tokens} of ${annsTokens} tokens: the stream is whole`, { time: anns.last })
  const bobsReading = await /** @type {Promise<Reading>} */ (/** @type {unknown} */ (bobs))
  timeline.add('Bob', `has read ${bobsReading.tokens} of ${bobsTokens} tokens`, { time: bobsReading.last })

  timeline.add('Ann', 'asks qwen-14b again, 5 tokens')
  const again = await read(ann, { model: 'qwen-14b', tokens: 5, signal }, () => {})
  timeline.add('Ann', 'has her answer', { time: again.last })
  return { ann: anns, bob: bobsReading, again, events }
}

/** @param {string} origin @param {string} apiKey */
function client (origin, apiKey) {
  // Without retries, so that nothing that goes wrong is smoothed over.
  return new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 })
}

/**
 * @param {OpenAI} openai
 * @param {{ model: string, tokens: number, signal: AbortSignal }} question
 * @param {(token: number) => void} onToken
 * @returns {Promise<Reading>}
 */
async function read (openai, { model, tokens, signal }, onToken) {
  /** @type {Reading} */
  const reading = { tokens: 0, finishReason: undefined, models: [], asked: now(), first: 0, last: 0 }
  const stream = await openai.chat.completions.create({
    model, max_tokens: tokens, stream: true, messages: [{ role: 'user', content: 'Tell me a story.' }]
  }, { signal })
  for await (const { model, choices: [choice] } of stream) {
    if (!reading.models.includes(model)) reading.models.push(model)
    if (choice?.delta.content) {
      onToken(++reading.tokens)
      reading.first ||= now()
    }
    reading.finishReason ??= choice?.finish_reason ?? undefined
  }
  return { ...reading, last: now() }
}

const now = () => performance.timeOrigin + performance.now()
