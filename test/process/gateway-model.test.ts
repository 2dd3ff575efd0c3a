import t from 'tap'
import type { Test } from 'tap'
import { startGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { lastRequestSeenBy, requestsSeenBy, statusOf } from '../helpers/gateway-view.ts'

// Which model a request is for, and what of it arrives at the engine.

async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const gateway = await startGateway({
    models: {
      qwen: { aliases: ['q', 'team/qwen'], adapters: ['sql-lora'], args: ['--lora-modules', 'sql-lora=/adapters/sql'] },
      gemma: {}
    },
    ...options
  })
  t.teardown(() => gateway.close())
  return gateway
}

const chat = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'hello' }]
const contentOf = async (answer: Response) => (await answer.json() as any).choices[0].message.content

function form (fields: Record<string, string>): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  data.append('file', new Blob(['12345']), 'speech.wav')
  return data
}

t.test('the model is that of the body, of the header, or the default one', async t => {
  const gateway = await start(t, { defaultModel: 'gemma' })
  const ask = async (body: object, headers = {}) => contentOf(await gateway.post(chat, { messages, ...body }, { headers }))

  await t.test('from the body', async t => {
    t.match(await ask({ model: 'qwen' }), 'served=qwen engine=qwen asked=qwen')
    t.match(await ask({ model: 'gemma' }), 'served=gemma engine=gemma asked=gemma')
  })

  await t.test('from the header, which wins over the body', async t => {
    t.match(await ask({ model: 'gemma' }, { 'model-override': 'qwen' }), 'engine=qwen asked=qwen')
    t.match(await ask({}, { 'Model-Override': 'qwen' }), 'engine=qwen asked=qwen')
    t.match(await ask({ model: 17 }, { 'model-override': 'qwen' }), 'engine=qwen asked=qwen', 'whatever the body says')
  })

  await t.test('the default one for requests that name none', async t => {
    t.match(await ask({}), 'engine=gemma asked=gemma')
    t.match(await ask({ model: '' }), 'engine=gemma asked=gemma')
  })

  await t.test('an alias goes to the same engine, and stays as it was written', async t => {
    t.match(await ask({ model: 'team/qwen' }), 'served=qwen engine=qwen asked=team/qwen')
    t.match(await ask({}, { 'model-override': 'q' }), 'engine=qwen asked=q ')
  })

  await t.test('name:latest, as clients of Ollama write it, is name, unless there is another', async t => {
    t.match(await ask({ model: 'gemma:latest' }), 'engine=gemma asked=gemma ')
    t.match(await ask({}, { 'model-override': 'q:latest' }), 'engine=qwen asked=q ')
    t.equal((await gateway.post(chat, { messages, model: 'nobody:latest' })).status, 404)
    t.equal((await gateway.post(chat, { messages, model: 'gemma:7b' })).status, 404)
  })

  await t.test('an adapter goes to the engine of its base', async t => {
    t.match(await ask({ model: 'sql-lora' }), 'engine=qwen asked=sql-lora')
    t.match(await ask({ model: 'gemma' }, { 'model-override': 'sql-lora' }), 'engine=qwen asked=sql-lora')
  })

  await t.test('from a multipart form', async t => {
    const transcribe = async (fields: Record<string, string>, headers = {}) => {
      const answer = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form(fields), headers })
      return (await answer.json() as any).text
    }
    t.match(await transcribe({ model: 'qwen' }), /engine=qwen asked=qwen.* speech.wav 5 bytes/)
    t.match(await transcribe({ model: 'qwen' }, { 'model-override': 'gemma' }), /engine=gemma asked=gemma.* speech.wav 5 bytes/)
    t.match(await transcribe({ language: 'en' }), /engine=gemma asked=gemma.* speech.wav 5 bytes/)
  })
})

t.test('bodies arrive at the engine byte for byte', async t => {
  const gateway = await start(t)
  const arrives = async (body: string | Buffer, headers: Record<string, string> = {}, path = chat) => {
    await (await fetch(gateway.url + path, { method: 'POST', body: body as any, headers: { 'content-type': 'application/json', ...headers } })).text()
    return (await lastRequestSeenBy(gateway, 'qwen')).body.toString('latin1')
  }
  // What a JSON parser would change: white space, big integers, exponents, escapes, keys that come twice, a late model.
  const odd = (model: string) => '\n{ "seed" : 9007199254740993,\t"temperature":1E0,"a":1.0,"messages":[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 \\/ grüß"}],' +
    `"a":2 , "__proto__":{"x":1}, ${model}"max_tokens": 3 } `
  const bytes = (text: string) => Buffer.from(text).toString('latin1')

  await t.test('when they name the model', async t => {
    const body = odd('"model":"qwen", ')
    t.equal(await arrives(body), bytes(body))
    const escaped = odd('"mod\\u0065l" : "\\u0071wen", ')
    t.equal(await arrives(escaped), bytes(escaped), 'also with escapes in the key and in the name')
    const twice = '{"model":"gemma","messages":[],"model":"qwen"}'
    t.equal(await arrives(twice), bytes(twice), 'of two models the last counts, as it does for the engine')
  })

  await t.test('when the header names the same model', async t => {
    const body = odd('"model":"qwen", ')
    t.equal(await arrives(body, { 'model-override': 'qwen' }), bytes(body))
  })

  await t.test('but for the value of model, when the header names another', async t => {
    t.equal(await arrives(odd('"model" :  "gemma" , '), { 'model-override': 'team/qwen' }), bytes(odd('"model" :  "team/qwen" , ')))
    t.equal(await arrives(odd('"model":{"no":"string"},'), { 'model-override': 'qwen' }), bytes(odd('"model":"qwen",')))
    t.equal(await arrives(odd(''), { 'model-override': 'qwen' }), bytes(odd('').replace('{', '{"model":"qwen",')), 'or with one put in where there is none')
  })

  await t.test('multipart, its boundary and binary content included', async t => {
    const binary = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256)).toString('latin1')
    const multipart = (model: string) => `--b0"un:dary\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n${binary}\r\n` +
      `--b0"un:dary\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--b0"un:dary--\r\n`
    const type = 'multipart/form-data; boundary="b0\\"un:dary"'
    const send = (model: string, headers = {}) => arrives(Buffer.from(multipart(model), 'latin1'), { 'content-type': type, ...headers }, '/v1/audio/translations')
    t.equal(await send('qwen'), multipart('qwen'))
    t.equal(await send('gemma', { 'model-override': 'q' }), multipart('q'))
    t.equal((await lastRequestSeenBy(gateway, 'qwen')).headers['content-type'], type)
  })
})

t.test('a body of 10 MB arrives whole', async t => {
  const gateway = await start(t)
  const content = 'word \\"quoted\\" 😀 '.repeat(500_000)
  const body = Buffer.from(JSON.stringify({ messages: [{ role: 'user', content }], model: 'qwen', max_tokens: 1 }))
  t.ok(body.length > 10 * 1024 ** 2)
  const answer = await fetch(gateway.url + chat, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  t.equal(answer.status, 200)
  t.match(await contentOf(answer), 'asked=qwen')
  t.ok((await lastRequestSeenBy(gateway, 'qwen')).body.equals(body))
})

t.test('a request is refused if its model cannot be found in it, and reaches nobody', async t => {
  const gateway = await start(t)
  const refused = async (t: Test, path: string, body: string | Buffer | undefined, headers: Record<string, string>, status: number, error: object) => {
    const answer = await fetch(gateway.url + path, { method: 'POST', body: body as any ?? null, headers })
    t.equal(answer.status, status)
    t.match(await answer.json(), { error: { message: String, type: 'invalid_request_error', param: null, ...error } })
  }
  const json = { 'content-type': 'application/json' }
  const model = { param: 'model' }
  for (const body of ['{"model":"qwen"', 'model=qwen', '["qwen"]', '"qwen"', 'null', '{"model":"qwen"}}', '', undefined]) {
    await t.test(`body ${body}`, t => refused(t, chat, body, json, 400, { code: 'LLMUX_ERR_BODY_NOT_JSON' }))
  }
  await t.test('body that is not UTF-8', t => refused(t, chat, Buffer.from('{"model":"caf\xe9"}', 'latin1'), json, 400, { code: 'LLMUX_ERR_BODY_NOT_JSON' }))
  await t.test('body that is not JSON, with a header', t => refused(t, chat, '{', { ...json, 'model-override': 'qwen' }, 400, { code: 'LLMUX_ERR_BODY_NOT_JSON' }))
  await t.test('no model', t => refused(t, chat, '{"messages":[]}', json, 400, { ...model, code: 'LLMUX_ERR_MODEL_MISSING' }))
  for (const [value, kind] of [['17', 'a number'], ['null', 'null'], ['true', 'a boolean'], ['["qwen"]', 'an array'], ['{}', 'an object']]) {
    await t.test(`model ${value}`, t => refused(t, chat, `{"model":${value}}`, json, 400, { ...model, code: 'LLMUX_ERR_MODEL_NOT_STRING', message: `model must be a string, not ${kind}` }))
  }
  await t.test('unknown model', t => refused(t, chat, '{"model":"llama"}', json, 404, { ...model, code: 'LLMUX_ERR_MODEL_NOT_FOUND', message: 'the model `llama` does not exist' }))
  await t.test('unknown model in the header', t => refused(t, chat, '{"model":"qwen"}', { ...json, 'model-override': 'llama' }, 404, { ...model, code: 'LLMUX_ERR_MODEL_NOT_FOUND' }))
  await t.test('names are case-sensitive', t => refused(t, chat, '{"model":"Qwen"}', json, 404, { ...model, code: 'LLMUX_ERR_MODEL_NOT_FOUND' }))
  await t.test('names of every object', t => refused(t, chat, '{"model":"__proto__"}', json, 404, { ...model, code: 'LLMUX_ERR_MODEL_NOT_FOUND' }))
  const audio = '/v1/audio/transcriptions'
  const multipart = { 'content-type': 'multipart/form-data; boundary=X' }
  await t.test('multipart that is JSON', t => refused(t, audio, '{"model":"qwen"}', json, 400, { code: 'LLMUX_ERR_BODY_NOT_MULTIPART' }))
  await t.test('multipart cut short', t => refused(t, audio, '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nqwen\r\n', multipart, 400, { code: 'LLMUX_ERR_BODY_NOT_MULTIPART' }))
  await t.test('multipart without a model', t => refused(t, audio, '--X\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nqwen\r\n--X--\r\n', multipart, 400, { ...model, code: 'LLMUX_ERR_MODEL_MISSING' }))
  t.equal(statusOf(gateway, 'qwen').state, 'stopped', 'nothing was started for any of them')
  t.same(gateway.gpu.records(), [])
})

t.test('the header may have another name, or be switched off', async t => {
  const renamed = await start(t, { modelHeader: 'X-Model' })
  t.match(await contentOf(await renamed.chat('gemma', 'x', {}, { headers: { 'x-model': 'qwen' } })), 'engine=qwen')
  t.match(await contentOf(await renamed.chat('gemma', 'x', {}, { headers: { 'model-override': 'qwen' } })), 'engine=gemma')
  const off = await start(t, { modelHeader: false })
  t.match(await contentOf(await off.chat('gemma', 'x', {}, { headers: { 'model-override': 'qwen' } })), 'engine=gemma')
  t.equal((await lastRequestSeenBy(off, 'gemma')).headers['model-override'], 'qwen')
})

t.test('all routes that carry a model lead to its engine, under a prefix too', async t => {
  const gateway = await start(t, { prefix: '/llm/team-1' })
  const bodies: Record<string, object> = {
    '/v1/chat/completions': { messages },
    '/v1/completions': { prompt: 'x' },
    '/v1/responses': { input: 'x' },
    '/v1/messages': { messages, max_tokens: 1 },
    '/v1/messages/count_tokens': { messages },
    '/v1/embeddings': { input: 'x' },
    '/v2/embed': { texts: ['x'] },
    '/v1/score': { text_1: 'x', text_2: 'y' },
    '/score': { text_1: 'x', text_2: 'y' },
    '/v1/rerank': { query: 'x', documents: ['y'] },
    '/v2/rerank': { query: 'x', documents: ['y'] },
    '/rerank': { query: 'x', documents: ['y'] },
    '/pooling': { input: 'x' },
    '/classify': { input: 'x' },
    '/tokenize': { prompt: 'x' },
    '/detokenize': { tokens: [1] },
    '/v1/chat/completions/render': { messages },
    '/v1/completions/render': { prompt: 'x' }
  }
  for (const [path, body] of Object.entries(bodies)) {
    const answer = await gateway.post(`/llm/team-1${path}?from=${path.length}`, { model: 'qwen', ...body })
    t.equal(answer.status, 200, path)
    await answer.text()
    t.equal((await gateway.post(path, { model: 'qwen', ...body })).status, 404, `${path} without the prefix`)
  }
  const seen = await requestsSeenBy(gateway, 'qwen')
  t.same(seen.map(({ method, url }) => `${method} ${url}`), Object.keys(bodies).map(path => `POST ${path}?from=${path.length}`))
})

t.test('only the routes that are wanted are offered', async t => {
  const gateway = await start(t, { routes: ['/v1/embeddings'] })
  t.equal((await gateway.post('/v1/embeddings', { model: 'qwen', input: 'x' })).status, 200)
  t.equal((await gateway.chat('qwen', 'x')).status, 404)
})

t.test('the models are listed from the options, and nothing is started for it', async t => {
  const gateway = await start(t, { models: { 'org/base model': { path: 'hub/base', aliases: ['a?b#c%41'], adapters: ['sql'] }, other: {} } })
  const get = async (path: string) => {
    const answer = await fetch(gateway.url + path)
    return { status: answer.status, type: answer.headers.get('content-type'), ...await answer.json() as any }
  }
  const list = await get('/v1/models')
  t.match(list, { status: 200, object: 'list', type: /^application\/json/ })
  t.same(list.data.map((card: any) => card.id).sort(), ['a?b#c%41', 'org/base model', 'other', 'sql'])
  for (const card of list.data) t.match(card, { object: 'model', created: Number, owned_by: String })
  t.match(await get('/v1/models/other'), { status: 200, id: 'other', object: 'model', root: 'other', parent: null })
  t.match(await get('/v1/models/sql'), { status: 200, id: 'sql', root: 'hub/base', parent: 'org/base model' })
  t.match(await get('/v1/models/org/base%20model'), { status: 200, id: 'org/base model' }, 'with a slash')
  t.match(await get('/v1/models/org%2Fbase%20model'), { status: 200, id: 'org/base model' }, 'with an encoded slash')
  t.match(await get(`/v1/models/${encodeURIComponent('a?b#c%41')}`), { status: 200, id: 'a?b#c%41' }, 'with everything that has a meaning in a URL')
  t.match(await get('/v1/models/nobody'), { status: 404, error: { type: 'invalid_request_error', param: 'model', code: 'LLMUX_ERR_MODEL_NOT_FOUND' } })
  t.same((await get('/v1/models/')).data, list.data, 'a slash at the end is the list')
  t.equal((await fetch(`${gateway.url}/v1/models`, { method: 'HEAD' })).status, 200)
  t.same(gateway.gpu.records(), [])
})

t.test('keep_alive, which clients of Ollama send, is not ours: it goes on as it is', async t => {
  const gateway = await start(t)
  const body = JSON.stringify({ keep_alive: '5m', model: 'gemma', messages })
  t.equal((await gateway.post(chat, body)).status, 200)
  t.equal((await lastRequestSeenBy(gateway, 'gemma')).body.toString(), body)
})

// Of GET /v1/models Open WebUI (routers/openai.py) and LibreChat (ModelService.js) read `data`, and of each model `id`. Open WebUI shows `name`
// if there is one, and the id otherwise; a null there it has to take out first.
t.test('the list of models has what chat programs read', async t => {
  const gateway = await start(t)
  const answer = await fetch(`${gateway.url}/v1/models`)
  t.match(answer.headers.get('content-type'), /^application\/json/)
  const list = await answer.json() as { object: string, data: Array<Record<string, unknown>> }
  t.equal(list.object, 'list')
  t.same(list.data.map(({ id }) => id).sort(), ['gemma', 'q', 'qwen', 'sql-lora', 'team/qwen'], 'each name can be chosen')
  for (const model of list.data) t.match(model, { object: 'model', created: Number, owned_by: String })
  t.same(list.data.filter(model => 'name' in model || 'error' in model), [])
  t.equal(statusOf(gateway, 'qwen').state, 'stopped', 'nobody is woken for it')
})
