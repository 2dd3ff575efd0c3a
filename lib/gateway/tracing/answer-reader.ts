import type { Attributes } from '@opentelemetry/api'
import { isEventStream } from '../relay/answer.ts'
import type { Head } from '../relay/answer.ts'

/** What is said of an answer's end stands at its end; a longer answer that is no event stream is not looked at. Bytes. */
const mostKept = 64 * 1024

/** Reads how an answer ended, and how many tokens it took: in all dialects, streamed or not, as far as it says so. */
export class AnswerReader {
  streams = false
  #reads = false
  #chunks: Buffer[] = []
  #length = 0
  #cropped = false

  begin (head: Head): void {
    this.streams = isEventStream(head)
    this.#reads = head.headers['content-encoding'] === undefined && (this.streams || String(head.headers['content-type']).startsWith('application/json'))
    this.#chunks = []
    this.#length = 0
  }

  add (chunk: Buffer): void {
    if (!this.#reads) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length - this.#chunks[0]!.length >= mostKept) {
      this.#length -= this.#chunks.shift()!.length
      this.#cropped = true
    }
  }

  /** By OpenTelemetry's GenAI conventions. */
  attributes (): Attributes {
    const found = new Found()
    for (const value of this.#values()) found.look(value)
    return found.attributes
  }

  #values (): unknown[] {
    const text = Buffer.concat(this.#chunks).toString()
    if (!this.streams) return this.#cropped ? [] : parsed(text)
    return text.split('\n').filter(line => line.startsWith('data: {')).flatMap(line => parsed(line.slice('data: '.length)))
  }
}

/** Nothing if it is not JSON: an event that has begun before what is kept, or a server of another kind. */
function parsed (text: string): unknown[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return []
  }
}

interface Usage { prompt_tokens?: unknown, input_tokens?: unknown, completion_tokens?: unknown, output_tokens?: unknown }

interface Said {
  id?: unknown
  model?: unknown
  usage?: Usage | null
  /** OpenAI's chat and completions. */
  choices?: { index?: unknown, finish_reason?: unknown }[]
  /** Anthropic's; on a stream the reason is in `delta` and the rest in `message`. */
  stop_reason?: unknown
  delta?: { stop_reason?: unknown } | string
  message?: Said
  /** OpenAI's responses; on a stream within `response`. */
  object?: unknown
  status?: unknown
  response?: Said
}

/** Of a stream the last that says something counts. */
class Found {
  readonly attributes: Attributes = {}
  readonly #reasons: string[] = []

  look (value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    const { id, model, usage, choices, stop_reason: stop, delta, message, object, status, response } = value as Said
    this.#text('gen_ai.response.id', id)
    this.#text('gen_ai.response.model', model)
    this.#number('gen_ai.usage.input_tokens', usage?.prompt_tokens ?? usage?.input_tokens)
    this.#number('gen_ai.usage.output_tokens', usage?.completion_tokens ?? usage?.output_tokens)
    if (Array.isArray(choices)) choices.forEach(({ index, finish_reason: reason }) => this.#reason(Number(index ?? 0), reason))
    this.#reason(0, stop ?? (typeof delta === 'object' ? delta?.stop_reason : undefined))
    if (object === 'response' && status !== 'in_progress') this.#reason(0, status)
    this.look(message)
    this.look(response)
  }

  #text (name: string, value: unknown): void {
    if (typeof value === 'string') this.attributes[name] = value
  }

  #number (name: string, value: unknown): void {
    if (typeof value === 'number') this.attributes[name] = value
  }

  #reason (index: number, reason: unknown): void {
    if (typeof reason !== 'string') return
    this.#reasons[index] = reason
    this.attributes['gen_ai.response.finish_reasons'] = this.#reasons.filter(Boolean)
  }
}
