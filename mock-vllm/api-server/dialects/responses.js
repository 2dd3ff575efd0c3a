import { textOf, tokenJsonAt } from '../answer-text.js'
import { named } from './events.js'

/** @typedef {import('../job.js').Generation} Generation */

/** @param {Generation} g */
const itemId = (g) => g.id.replace('resp_', 'msg_')

/** @param {string} text */
const part = (text) => ({ annotations: [], text, type: 'output_text', logprobs: null })

/** @param {Generation} g @param {string} status @param {string} text */
const item = (g, status, text) => ({ id: itemId(g), content: status === 'in_progress' ? [] : [part(text)], role: 'assistant', status, type: 'message', phase: null })

/** @param {Generation} g @param {{ status: string, text?: string, count?: number, reason?: string }} how */
function response (g, { status, text = '', count = 0, reason = '' }) {
  const isOver = status !== 'in_progress'
  return {
    id: g.id,
    created_at: g.created,
    incomplete_details: reason === 'length' ? { reason: 'max_output_tokens' } : null,
    instructions: null,
    metadata: null,
    model: g.model,
    object: 'response',
    output: isOver ? [item(g, 'completed', text)] : [],
    parallel_tool_calls: true,
    temperature: g.body.temperature ?? 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    background: false,
    max_output_tokens: g.body.max_output_tokens ?? null,
    previous_response_id: null,
    status,
    truncation: 'disabled',
    usage: isOver ? { input_tokens: g.promptTokens, input_tokens_details: { cached_tokens: 0 }, output_tokens: count, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: g.promptTokens + count } : null,
    user: null
  }
}

/** @param {string} reason */
const statusOf = (reason) => reason === 'length' ? 'incomplete' : 'completed'

/** An aborted answer is `completed`; at the engine's death the connection breaks without a word. @type {import('../job.js').Dialect} */
export const responses = {
  whole: (g, { text, count, reason }) => response(g, { status: statusOf(reason), text: text(count), count, reason }),
  early: (g) => ['response.created', 'response.in_progress'].map((type, index) => named({ type, response: response(g, { status: 'in_progress' }), sequence_number: index })).join(''),
  open: (g) => [
    { type: 'response.output_item.added', item: item(g, 'in_progress', ''), output_index: 0 },
    { type: 'response.content_part.added', content_index: 0, item_id: itemId(g), output_index: 0, part: { ...part(''), logprobs: [] } }
  ].map((event, index) => named({ ...event, sequence_number: index + 2 })).join(''),
  tokens: (g, from, to) => {
    const head = `event: response.output_text.delta\ndata: {"content_index":0,"item_id":${JSON.stringify(itemId(g))},"logprobs":[],"output_index":0,"type":"response.output_text.delta","sequence_number":`
    let text = ''
    for (let index = from; index < to; index += 1) text += `${head}${index + 4},"delta":${tokenJsonAt(g.text, index)}}\n\n`
    return text
  },
  close: (g, count, reason) => {
    const text = textOf(g.text, count)
    return [
      { type: 'response.output_text.done', content_index: 0, item_id: itemId(g), logprobs: [], output_index: 0, text },
      { type: 'response.content_part.done', content_index: 0, item_id: itemId(g), output_index: 0, part: part(text) },
      { type: 'response.output_item.done', item: item(g, 'completed', text), output_index: 0 },
      { type: 'response.completed', response: response(g, { status: statusOf(reason), text, count, reason }) }
    ].map((event, index) => named({ ...event, sequence_number: count + 4 + index })).join('')
  }
}
