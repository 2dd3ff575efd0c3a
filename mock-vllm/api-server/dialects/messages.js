import { named, repeat } from './events.js'

/** `abort` has none: the field is null in a stream and missing in a whole answer. */
const stopReasons = /** @type {Record<string, string>} */ ({ length: 'max_tokens', stop: 'end_turn' })

/** Anthropic's dialect. @type {import('../job.js').Dialect} */
export const messages = {
  whole: (g, { text, count, reason }) => ({
    id: g.id,
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: text(count) }],
    model: g.model,
    stop_reason: stopReasons[reason],
    usage: { input_tokens: g.promptTokens, output_tokens: count }
  }),
  open: (g) => named({
    type: 'message_start',
    message: { id: g.id, type: 'message', role: 'assistant', content: [], model: g.model, stop_reason: null, stop_sequence: null, usage: { input_tokens: g.promptTokens, output_tokens: 0 } }
  }) + named({ type: 'content_block_start', content_block: { type: 'text', text: '' }, index: 0 }),
  tokens: (g, from, to) => repeat(g, 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":', '}}\n\n', from, to),
  close: (g, count, reason) => named({ type: 'content_block_stop', index: 0 }) +
    named({ type: 'message_delta', delta: { stop_reason: stopReasons[reason] ?? null, stop_sequence: null }, usage: { input_tokens: g.promptTokens, output_tokens: count } }) +
    named({ type: 'message_stop' }),
  broken: ({ error }) => named({ type: 'error', error: { type: 'internal_error', message: error.message } }),
  dead: ({ error }) => ({ type: 'error', error: { type: error.type, message: error.message } })
}

const done = 'data: [DONE]\n\n'

/** 0.17 adds OpenAI's end, which is not Anthropic's, and wraps an error in one of its own. @type {import('../job.js').Dialect} */
export const oldMessages = {
  ...messages,
  close: (...args) => messages.close(...args) + done,
  broken: ({ error }) => named({
    type: 'error',
    error: { type: 'internal_error', message: `2 validation errors for ChatCompletionStreamResponse\nmodel\n  Field required [type=missing, input_value={'error': {'message': '${error.message.slice(0, 2)}...` }
  }) + done
}
