import type { Dispatcher } from 'undici'
import { Exchange } from './exchange.ts'
import type { Passage } from './passage.ts'
import { ReplySink } from './reply-sink.ts'
import type { ResponseCallback } from './reply-sink.ts'

/** What a request is sent with. */
export interface Parcel {
  passage: Passage
  /** Names and values in turns. */
  headers: string[]
}

/** Under this key it travels in the place of headers: reply-from hands those on, symbols included. */
export const kParcel = Symbol('llmux.parcel')

export interface HeadersWithParcel {
  [name: string]: never
  [kParcel]: Parcel
}

/**
 * What @fastify/http-proxy takes for an undici dispatcher: it asks for nothing but `request`. Each request goes the way of
 * its own passage.
 */
export const passageDispatcher = {
  request ({ path, method, body, headers }: Dispatcher.RequestOptions & { headers: HeadersWithParcel }, callback: ResponseCallback): void {
    const { passage, headers: list } = headers[kParcel]
    new Exchange(passage, { path, method, headers: list, body: body ?? null }, new ReplySink(passage, callback)).send()
  }
}
