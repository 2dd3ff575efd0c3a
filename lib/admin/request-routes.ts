import { finished, PassThrough, Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { errorBody } from '../gateway/error-answer.ts'
import type { LlmuxError } from '../errors.ts'
import type { Llmux } from '../host/llmux.ts'
import { llmuxOf } from '../host/registered.ts'
import type { Arrivals } from './arrivals.ts'
import type { History } from './history.ts'
import { withErrors } from './journal.ts'
import type { Overview } from './overview.ts'
import { arrivalsSchema, chatSchema, cutSchema, historySchema, overviewSchema, requestsSchema, withdrawSchema } from './schemas.ts'

interface Chat { model: string, messages: object[], max_tokens?: number }

interface Lookouts { overview: Overview, history: History, arrivals: Arrivals }

/** Routes for single requests: waiting, in flight or finished. */
export function requestRoutes (scope: FastifyInstance, { overview, history, arrivals }: Lookouts): void {
  const llmux = llmuxOf(scope)
  const json = (reply: FastifyReply, text: string) => reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text)

  scope.get('/overview', { schema: overviewSchema }, async (_request, reply) => json(reply, await overview.text()))

  scope.get<{ Querystring: { most?: string } }>('/requests', { schema: requestsSchema }, async ({ query: { most = '100' } }) => llmux.requests({ most: Number(most) }))

  scope.post<{ Params: { id: string } }>('/requests/:id/cut', { schema: cutSchema }, async ({ params: { id } }) => {
    llmux.cut(Number(id))
    return { cut: Number(id) }
  })

  scope.post<{ Body: { requests: string[], most: number } }>('/withdraw', { schema: withdrawSchema }, async ({ body: { requests, most } }) => ({ withdrawn: llmux.withdraw(requests, most) }))

  scope.get<{ Querystring: { since?: string } }>('/history', { schema: historySchema }, async ({ query: { since = '0' } }, reply) =>
    json(reply, JSON.stringify(history.since(Number(since)), withErrors)))

  scope.get('/arrivals', { schema: arrivalsSchema }, async (_request, reply) => reply.type('text/csv; charset=utf-8').header('cache-control', 'no-store').send(arrivals.csv))

  scope.post<{ Body: Chat }>('/chat', { schema: chatSchema }, (request, reply) => {
    // An unknown model is an error at once, not an event.
    llmux.id(request.body.model)
    const stream = new PassThrough()
    const controller = new AbortController()
    finished(reply.raw, () => controller.abort(new Error('the client has left')))
    stream.write(`event: request\ndata: ${JSON.stringify({ request: request.id })}\n\n`)
    chat(llmux, request.body, request.id, stream, controller.signal).catch(error => {
      stream.end(`event: error\ndata: ${JSON.stringify(errorBody(error as LlmuxError))}\n\n`)
    })
    return reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(stream)
  })
}

/** Waits like any request, and passes the engine's answer on. */
async function chat (llmux: Llmux, { model, ...rest }: Chat, request: string, stream: PassThrough, signal: AbortSignal): Promise<void> {
  const lease = await llmux.acquire(model, { signal, request })
  try {
    const response = await lease.fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...rest, model, stream: true }),
      signal
    })
    if (!response.ok) {
      stream.end(`event: error\ndata: ${JSON.stringify({ error: { message: await response.text(), code: String(response.status) } })}\n\n`)
      return
    }
    for await (const chunk of Readable.fromWeb(response.body as never)) stream.write(chunk)
    stream.end()
  } finally {
    lease.release()
  }
}
