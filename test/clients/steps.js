/**
 * What a client program is told to do, and what must come of it. The programs only do and say what they saw.
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {'chat' | 'stream' | 'tools' | 'structured' | 'embeddings' | 'cancel'} op
 * @property {string} model
 * @property {number} [retries] how often the client may try again; default 0
 * @property {string} [key]
 * @property {number} [maxTokens] default 8
 * @property {number} [padding] characters of the question
 * @property {Expected} expect
 *
 * @typedef {object} Expected
 * @property {true} [answer] a whole answer of that model
 * @property {number | null} [status] of the error that the client's user must see; null: none, since there was no or another status
 * @property {string} [code] of the error, where the client shows one
 * @property {number} [asked] how often the gateway was asked
 * @property {(body: any) => boolean} [engineSaw] the body that reached the engine
 * @property {true} [aborted] the engine stopped generating
 *
 * @typedef {object} Saw what a program prints, one line of JSON for each step
 * @property {string} name
 * @property {string} [text]
 * @property {string} [finish] the `finish_reason`
 * @property {number} [length] of an embedding
 * @property {{ type: string, status: number | null, code: string | null, message: string }} [error] as the client's user sees it
 */

/** @type {Step[]} */
export const steps = [
  { name: 'chat', op: 'chat', model: 'plain', expect: { answer: true } },
  { name: 'stream', op: 'stream', model: 'plain', expect: { answer: true } },
  { name: 'tools', op: 'tools', model: 'plain', expect: { answer: true, engineSaw: body => body.tools?.[0]?.function?.name === 'weather' && body.tool_choice === 'auto' } },
  {
    name: 'structured output',
    op: 'structured',
    model: 'plain',
    expect: { answer: true, engineSaw: body => body.response_format?.json_schema?.schema?.properties?.city?.type === 'string' && body.structured_outputs?.whitespace_pattern === ' ' }
  },
  { name: 'embeddings', op: 'embeddings', model: 'plain', expect: { answer: true } },
  { name: 'cancelled stream', op: 'cancel', model: 'slow', maxTokens: 4_000, expect: { aborted: true } },

  { name: '400 from the engine', op: 'chat', model: 'plain', maxTokens: 2_000_000, expect: { status: 400 } },
  { name: '400 no model', op: 'chat', model: '', expect: { status: 400, code: 'LLMUX_ERR_MODEL_MISSING' } },
  { name: '401 from the host', op: 'chat', model: 'plain', key: 'sk-wrong', expect: { status: 401, code: 'invalid_api_key' } },
  { name: '404 unknown model', op: 'chat', model: 'unknown', expect: { status: 404, code: 'LLMUX_ERR_MODEL_NOT_FOUND' } },
  { name: '413 too large', op: 'chat', model: 'plain', padding: 3 * 1024 ** 2, expect: { status: 413, code: 'LLMUX_ERR_BODY_TOO_LARGE' } },
  { name: '429 queue full', op: 'chat', model: 'queue-full', expect: { status: 429, code: 'LLMUX_ERR_QUEUE_FULL' } },
  { name: '500 from the engine', op: 'chat', model: 'engine-500', expect: { status: 500 } },
  { name: '502 engine dies', op: 'chat', model: 'dies', expect: { status: 502, code: 'LLMUX_ERR_ENGINE_DIED' } },
  { name: '503 not startable', op: 'chat', model: 'not-startable', expect: { status: 503, code: 'LLMUX_ERR_NOT_STARTABLE' } },
  { name: '503 cannot be spawned', op: 'chat', model: 'not-there', expect: { status: 503, code: 'LLMUX_ERR_SPAWN_FAILED' } },
  { name: '503 start dies', op: 'chat', model: 'start-dies', expect: { status: 503, code: 'LLMUX_ERR_PROCESS_DIED' } },
  { name: '503 start too slow', op: 'chat', model: 'start-hangs', expect: { status: 503, code: 'LLMUX_ERR_START_TIMEOUT' } },
  { name: '504 waited too long', op: 'chat', model: 'queue-timeout', expect: { status: 504, code: 'LLMUX_ERR_QUEUE_TIMEOUT' } },
  { name: '504 cut for another', op: 'chat', model: 'goes', maxTokens: 4_000, expect: { status: 504, code: 'LLMUX_ERR_DRAIN_TIMEOUT' } },
  // A stream that has begun: its error has a code in its last event, but no status.
  { name: 'stream, comments while it waits', op: 'stream', model: 'waits', expect: { answer: true } },
  { name: 'stream, frozen in its midst', op: 'stream', model: 'pauses', maxTokens: 100, expect: { answer: true } },
  { name: 'answer, frozen in its midst', op: 'chat', model: 'pauses', maxTokens: 100, expect: { answer: true } },
  { name: 'stream, waited too long', op: 'stream', model: 'queue-timeout', expect: { status: null, code: 'queue_timeout' } },
  { name: 'stream, engine dies', op: 'stream', model: 'breaks', maxTokens: 100, expect: { status: null, code: 'engine_died' } },
  { name: 'stream, cut for another', op: 'stream', model: 'goes', maxTokens: 4_000, expect: { status: null, code: 'drain_timeout' } },

  { name: '429, then again', op: 'chat', model: 'busy', retries: 2, expect: { answer: true, asked: 2 } },
  { name: '503, then again', op: 'chat', model: 'start-dies-once', retries: 2, expect: { answer: true, asked: 2 } },
  { name: 'x-should-retry: false', op: 'chat', model: 'not-startable', retries: 2, expect: { status: 503, asked: 1 } },

  { name: '503 closing', op: 'chat', model: 'closing', expect: { status: 503, code: 'LLMUX_ERR_CLOSING' } },
  { name: 'nobody there', op: 'chat', model: 'plain', expect: { status: null } }
]
