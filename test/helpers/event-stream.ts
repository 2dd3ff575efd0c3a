import type { Dispatcher } from 'undici'
import { readText } from './read-text.js'

/** One event of a server-sent event stream. */
export interface StreamEvent {
  event: string | undefined
  data: string
}

export function parseEvents (text: string): StreamEvent[] {
  // Comments are no events.
  return text.split('\n\n').filter((block) => block.trim() !== '' && !block.startsWith(':')).map((block) => {
    const lines = block.split('\n')
    const field = (name: string) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart())
    return { event: field('event')[0], data: field('data').join('\n') }
  })
}

/** Reads a stream as it comes: how far it got, and how it ended. */
export class StreamReader {
  text = ''
  /** nothing while it goes on; `ended` after a clean end, `broken` after a reset */
  end: 'ended' | 'broken' | undefined
  readonly done: Promise<void>

  constructor ({ body }: Dispatcher.ResponseData) {
    // That it broke is what the test wants to know, not how Node words it.
    this.done = readText(body, text => { this.text += text }).then(error => { this.end = error === undefined ? 'ended' : 'broken' })
  }

  get events (): StreamEvent[] {
    return parseEvents(this.text)
  }

  /** The JSON chunks, without `[DONE]`. */
  get chunks (): any[] {
    return this.events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data))
  }

  get sawDone (): boolean {
    return this.events.at(-1)?.data === '[DONE]'
  }

  /** of a chat stream's first choice */
  get finishReason (): string | undefined {
    return this.chunks.flatMap(({ choices }) => choices ?? []).find(({ finish_reason: reason }) => reason)?.finish_reason
  }

  /** of a chat stream's first choice */
  get content (): string {
    return this.chunks.flatMap(({ choices }) => choices ?? []).map(({ delta, text }) => delta?.content ?? text ?? '').join('')
  }
}
