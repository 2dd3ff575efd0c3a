import type { Dispatcher } from 'undici'

/** One event of a server-sent event stream. */
export interface StreamEvent {
  event: string | undefined
  data: string
}

export function parseEvents (text: string): StreamEvent[] {
  return text.split('\n\n').filter((block) => block.trim() !== '').map((block) => {
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
    this.done = this.#read(body)
  }

  /** Not by iterating: a stream that breaks forgets what it has not handed out yet. */
  async #read (body: Dispatcher.ResponseData['body']): Promise<void> {
    await new Promise<void>(resolve => {
      body.on('data', chunk => { this.text += String(chunk) })
      body.on('end', () => { this.end = 'ended' })
      // That it broke is what the test wants to know, not how Node words it.
      body.on('error', () => { this.end = 'broken' })
      body.on('close', resolve)
    })
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
