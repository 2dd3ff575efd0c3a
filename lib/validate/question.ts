import { request } from 'undici'
import { UpstreamError } from '../errors.ts'
import type { Endpoint } from '../orchestrator/driver.ts'

const prompt = 'The four seasons of the year are'

/** Enough to tell one text from another, and soon there. */
const maxTokens = 24

/** Vectors differ in their last places from run to run. */
const places = 2

interface Answer {
  choices?: Array<{ text?: string }>
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
