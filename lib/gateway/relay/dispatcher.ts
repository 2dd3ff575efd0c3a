import type { Dispatcher } from 'undici'
import { Exchange } from './exchange.ts'
import type { Passage } from './passage.ts'
import { ReplySink } from './reply-sink.ts'
import type { ResponseCallback } from './reply-sink.ts'

/** Under this key a request's passage travels among its headers: reply-from hands them on, symbols included. */
export const kPassage = Symbol('llmux.passage')

export type HeadersWithPassage = Record<string, string | string[] | undefined> & { [kPassage]?: Passage }

/**
 * What @fastify/http-proxy takes for an undici dispatcher: it asks for nothing but `request`. Each request goes the way of
 * its own passage.
 */
export const passageDispatcher = {
  request ({ path, method, body, headers }: Dispatcher.RequestOptions & { headers: HeadersWithPassage }, callback: ResponseCallback): void {
    const { [kPassage]: passage, ...rest } = headers
    new Exchange(passage!, { path, method, headers: rest, body: body ?? null }, new ReplySink(passage!, callback)).send()
  }
}
