import type { Dispatcher } from 'undici'
import { Exchange } from './exchange.ts'
import type { Passage } from './passage.ts'
import { ReplySink } from './reply-sink.ts'
import type { ResponseCallback } from './reply-sink.ts'

/** What to send a request with. */
export interface Parcel {
  passage: Passage
  /** Names and values alternate. */
  headers: string[]
}

/** The passage travels in the headers under this symbol: reply-from passes symbols on. */
export const kParcel = Symbol('llmux.parcel')

export interface HeadersWithParcel {
  [name: string]: never
  [kParcel]: Parcel
}

/**
 * What @fastify/http-proxy uses as an undici dispatcher: it calls nothing but `request`. Each request takes the way of its
 * own passage.
 */
export const passageDispatcher = {
  request ({ path, method, body, headers }: Dispatcher.RequestOptions & { headers: HeadersWithParcel }, callback: ResponseCallback): void {
    const { passage, headers: list } = headers[kParcel]
    new Exchange(passage, { path, method, headers: list, body: body ?? null }, new ReplySink(passage, callback)).send()
  }
}
