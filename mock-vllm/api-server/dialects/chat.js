import { brokenWithDone, choiceTokens, choicesOf, data, done, usageOf } from './events.js'

/** @param {import('../job.js').Generation} g */
function chunkHead (g) {
  return `"id":${JSON.stringify(g.id)},"object":"chat.completion.chunk","created":${g.created},"model":${JSON.stringify(g.model)}`
}

/** @param {import('../job.js').Generation} g @param {number} tokens */
function usageTail (g, tokens) {
  return g.usageEach ? `,"usage":${JSON.stringify(usageOf(g, tokens))}` : ''
}

/** @type {import('../job.js').Dialect} */
export const chat = {
  whole: (g, { text, count, reason }) => ({
    id: g.id,
    object: 'chat.completion',
    created: g.created,
    model: g.model,
    choices: choicesOf(g.choices, (index) => ({
      index,
      message: { role: 'assistant', content: text(count), refusal: null, annotations: null, audio: null, function_call: null, reasoning: null },
      logprobs: null,
      finish_reason: reason,
      stop_reason: null,
      token_ids: null
    })),
    service_tier: null,
    system_fingerprint: null,
    usage: { ...usageOf(g, count), prompt_tokens_details: null },
    prompt_logprobs: null,
    prompt_token_ids: null,
    kv_transfer_params: null
  }),
  open: (g) => choicesOf(g.choices, (index) => ({ index })).map((choice) =>
    `data: {${chunkHead(g)},"choices":[${JSON.stringify({ ...choice, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null })}]${usageTail(g, 0)}}\n\n`).join(''),
  tokens: (g, from, to, reason) => choiceTokens(g, from, to, reason, (choice, why) => [
    `data: {${chunkHead(g)},"choices":[{"index":${choice},"delta":{"content":`,
    `},"logprobs":null,"finish_reason":${JSON.stringify(why)}${why === null ? '' : ',"stop_reason":null'},"token_ids":null}]${usageTail(g, to)}}\n\n`
  ]),
  close: (g, count) => (g.usage ? `data: {${chunkHead(g)},"choices":[],"usage":${JSON.stringify(usageOf(g, count))}}\n\n` : '') + done,
  broken: brokenWithDone
}

/** @type {import('../job.js').Dialect} */
export const completion = {
  whole: (g, { text, count, reason }) => ({
    id: g.id,
    object: 'text_completion',
    created: g.created,
    model: g.model,
    choices: choicesOf(g.choices, (index) => ({ index, text: text(count), logprobs: null, finish_reason: reason, stop_reason: null, token_ids: null, prompt_logprobs: null, prompt_token_ids: null })),
    service_tier: null,
    system_fingerprint: null,
    usage: { ...usageOf(g, count), prompt_tokens_details: null },
    kv_transfer_params: null
  }),
  open: () => '',
  tokens: (g, from, to, reason) => choiceTokens(g, from, to, reason, (choice, why) => [
    `data: {"id":${JSON.stringify(g.id)},"object":"text_completion","created":${g.created},"model":${JSON.stringify(g.model)},"choices":[{"index":${choice},"text":`,
    `,"logprobs":null,"finish_reason":${JSON.stringify(why)},"stop_reason":null,"token_ids":null}]${usageTail(g, to)}}\n\n`
  ]),
  close: (g, count) => (g.usage ? data({ id: g.id, object: 'text_completion', created: g.created, model: g.model, choices: [], usage: usageOf(g, count) }) : '') + done,
  broken: brokenWithDone
}

/** @type {import('../job.js').Dialect} */
export const transcription = {
  whole: (g, { text, count }) => g.body.response_format === 'text' ? text(count) : { text: text(count), usage: { type: 'duration', seconds: 1 } },
  open: () => '',
  tokens: (g, from, to, reason) => choiceTokens(g, from, to, reason, (choice, why) => [
    `data: {"id":${JSON.stringify(g.id)},"object":"transcription.chunk","created":${g.created},"model":${JSON.stringify(g.model)},"choices":[{"index":${choice},"delta":{"content":`,
    `},"finish_reason":${JSON.stringify(why)}}]}\n\n`
  ]),
  close: () => done,
  broken: brokenWithDone
}
