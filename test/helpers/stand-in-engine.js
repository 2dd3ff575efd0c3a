// Stands in for an engine that is not vLLM: `stand-in-engine.js KIND ARGUMENTS…`, KIND one of llama.cpp, sglang, openai. Each listens,
// becomes ready, sleeps and refuses as the engine's own source and documentation have it; what it says is made up.
import { existsSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const [kind, ...args] = process.argv.slice(2)
/** @param {string[]} flags */
const valueOf = (...flags) => args[args.findLastIndex(argument => flags.includes(argument)) + 1] ?? ''
const name = valueOf('--alias', '--served-model-name', '--name')
const path = valueOf('--model', '--model-path')
const host = valueOf('--host', '--socket')
const state = { ready: false, open: 0, /** @type {Set<string>} */ released: new Set(), hasWeights: true }

/** @param {string} line */
const say = line => writeSync(2, `${line}\n`)

if (path.startsWith('/') && !existsSync(path)) {
  say(kind === 'llama.cpp' ? `gguf_init_from_file: failed to open GGUF file '${path}'` : `OSError: Can't load ${path}: does not appear to have a file named config.json`)
  process.exit(1)
}

/** @type {Record<string, (response: import('node:http').ServerResponse, body: any) => void | Promise<void>>} */
const routes = {
  'GET /slots': response => json(response, kind === 'llama.cpp' ? 200 : 404, []),
  'GET /v1/models': response => json(response, state.ready ? 200 : 503, { object: 'list', data: [{ id: name }] }),
  'GET /server_info': response => json(response, 200, { version: '0.5.9' }),
  'POST /release_memory_occupation': release,
  'POST /resume_memory_occupation': (response, { tags = ['weights', 'kv_cache', 'cuda_graph'] }) => {
    for (const tag of tags) state.released.delete(tag)
    json(response, 200, null)
  },
  'POST /update_weights_from_disk': (response, { model_path: from }) => {
    const fits = from === path && !state.released.has('weights')
    if (fits) state.hasWeights = true
    json(response, fits ? 200 : 400, { success: fits, message: fits ? 'Succeeded to update model weights.' : 'no room' })
  },
  'POST /flush_cache': response => json(response, 200, {}),
  'POST /v1/completions': answer,
  'POST /v1/chat/completions': answer,
  'POST /v1/embeddings': response => json(response, 200, { object: 'list', model: name, data: [{ index: 0, embedding: [1, 2] }] })
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {unknown} body */
function json (response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** @param {import('node:http').ServerResponse} response @param {{ tags?: string[] }} body */
function release (response, { tags = ['weights', 'kv_cache', 'cuda_graph'] }) {
  if (!args.includes('--enable-memory-saver')) return json(response, 400, { error: { message: 'memory saver is not enabled' } })
  if (state.open > 0) return json(response, 400, { error: { message: 'release_memory_occupation should be called only when server is idle.' } })
  state.released = new Set(tags)
  if (!args.includes('--enable-weights-cpu-backup')) state.hasWeights = false
  json(response, 200, null)
}

/** @param {import('node:http').ServerResponse} response @param {{ stream?: boolean }} body */
async function answer (response, { stream }) {
  // An engine that does not own its memory fails in ways that nobody recovers from.
  if (state.released.size > 0) process.abort()
  state.open++
  response.on('close', () => state.open--)
  const words = state.hasWeights ? `${kind} ${name}`.split(/(?<= )/) : ['garbage']
  if (stream !== true) return json(response, 200, { model: name, choices: [{ index: 0, message: { role: 'assistant', content: words.join('') }, text: words.join(''), finish_reason: 'stop' }] })
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (/** @type {object} */ choice) => response.write(`data: ${JSON.stringify({ model: name, choices: [{ index: 0, finish_reason: null, delta: {}, ...choice }] })}\n\n`)
  for (const content of words) {
    send({ delta: { content } })
    await delay(5)
  }
  send({ finish_reason: 'stop' })
  response.end('data: [DONE]\n\n')
}

const server = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const route = `${request.method} ${request.url}`
  if (route === 'GET /health' && kind !== 'openai') return json(response, state.ready ? 200 : 503, state.ready ? { status: 'ok' } : { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } })
  if (request.method === 'POST' && !state.ready) return json(response, 503, { error: { message: 'Loading model' } })
  const handler = routes[route]
  if (handler === undefined) return json(response, 404, { error: { message: 'File Not Found', code: 404 } })
  await handler(response, text === '' ? {} : JSON.parse(text))
})
server.on('error', error => {
  say(`couldn't bind HTTP server socket: ${error.message}`)
  process.exit(1)
})
const port = Number(valueOf('--port'))
say(kind === 'sglang' ? 'Load weight begin. avail mem=70.00 GB' : 'load_tensors: loading model tensors, this can take a while...')
server.listen(args.includes('--port') ? { port, host: '127.0.0.1' } : { path: host }, async () => {
  await delay(100)
  state.ready = true
  say(kind === 'sglang' ? 'The server is fired up and ready to roll!' : 'main: server is listening on somewhere')
})
process.on('SIGTERM', () => process.exit(0))
