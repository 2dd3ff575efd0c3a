import { request } from 'undici'
import { UpstreamError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'

const prompt = 'The four seasons of the year are'

/** Enough to tell one text from another, and soon there. */
const maxTokens = 24

/** Long enough to be frozen while it is generated: some seconds on a fast GPU. */
const longTokens = 400

/** Vectors differ in their last places from run to run. */
const places = 2

interface Answer {
  choices?: Array<{ text?: string, finish_reason?: string | null }>
  data?: Array<{ embedding?: number[] }>
}

/**
 * What a model says when nothing is left to chance: a text or, from one that makes none, a vector in words. An engine
 * whose weights are lost answers this as it answers all, only not with the same.
 */
export async function ask ({ origin, dispatcher, apiKey }: Endpoint, model: string, signal: AbortSignal): Promise<string> {
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) }
    const response = await request(origin + path, { method: 'POST', dispatcher, headers, body: JSON.stringify({ model, ...body }), signal })
    return { status: response.statusCode, text: await response.body.text() }
  }
  const completion = await post('/v1/completions', { prompt, max_tokens: maxTokens, temperature: 0, seed: 0 })
  // Embedding models do not have the route.
  const answer = completion.status === 404 ? await post('/v1/embeddings', { input: prompt }) : completion
  if (answer.status !== 200) throw new UpstreamError(`it answered ${answer.status}: ${answer.text.slice(0, 300)}`)
  const { choices, data } = JSON.parse(answer.text) as Answer
  return choices?.[0]?.text ?? data?.[0]?.embedding?.map(value => value.toFixed(places)).join(' ') ?? ''
}

/** A long text, read as it comes; undefined from a model that makes none. `onBegin` is called when the first of it is there. */
export async function write ({ origin, dispatcher, apiKey }: Endpoint, model: string, signal: AbortSignal, onBegin: () => void): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json', ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) }
  const body = JSON.stringify({ model, prompt, max_tokens: longTokens, temperature: 0, seed: 0, ignore_eos: true, stream: true })
  const response = await request(`${origin}/v1/completions`, { method: 'POST', dispatcher, headers, body, signal })
  let events = ''
  for await (const chunk of response.body) {
    events += String(chunk)
    if (response.statusCode === 200) onBegin()
  }
  if (response.statusCode === 404) return undefined
  if (response.statusCode !== 200) throw new UpstreamError(`it answered ${response.statusCode}: ${events.slice(0, 300)}`)
  return textOf(events)
}

/** Of a stream of completions; one that is cut off, or ends with an error, is none. */
function textOf (events: string): string {
  const data = events.split('\n').flatMap(line => line.startsWith('data: ') ? [line.slice('data: '.length)] : [])
  const chunks = data.filter(one => one !== '[DONE]').map(one => JSON.parse(one) as Answer)
  if (!chunks.some(({ choices }) => choices?.some(({ finish_reason: reason }) => typeof reason === 'string'))) throw new UpstreamError(`its answer ended too early: …${events.slice(-200)}`)
  return chunks.map(({ choices }) => choices?.[0]?.text ?? '').join('')
}
