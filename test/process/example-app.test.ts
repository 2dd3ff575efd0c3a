import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Validator } from '@seriousme/openapi-schema-validator'
import OpenAI from 'openai'
import t from 'tap'
import { family, remaining } from '../../example-app/demo/leftovers.js'
import { knownRoutes } from '../../lib/options/index.ts'
import { until } from '../helpers/engine-process.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import { plainEnv, plainNode, startServer } from '../helpers/plain-node.ts'

const server = fileURLToPath(new URL('../../example-app/server.js', import.meta.url))
const demo = fileURLToPath(new URL('../../example-app/demo.js', import.meta.url))
const keys = { a: 'sk-test-a-9f3c', b: 'sk-test-b-7d1e', admin: 'sk-test-admin-4b2a' }
const env = {
  PORT: '0',
  LOG_LEVEL: 'trace',
  API_KEYS: `team-a=${keys.a},team-b=${keys.b}`,
  ADMIN_KEY: keys.admin,
  MOCK_VLLM_START_MS: '20',
  MOCK_VLLM_SLEEP_MS: '5',
  MOCK_VLLM_WAKE_MS: '5',
  MOCK_VLLM_TOKEN_MS: '5'
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

async function startApp (more: Record<string, string> = {}, nodeArgs: string[] = []) {
  const app = await startServer([...nodeArgs, server], { env: { ...env, ...more } })
  const call = (path: string, init: RequestInit = {}) => fetch(app.url + path, init)
  return {
    ...app,
    call,
    openai: (key: string) => new OpenAI({ baseURL: `${app.url}/v1`, apiKey: key, maxRetries: 0 }),
    chat: (model: string, { headers = {} }: { headers?: Record<string, string> } = {}) => call('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 })
    }),
    async states () {
      const { models } = await (await call('/admin/status', bearer(keys.admin))).json() as { models: Array<{ state: string }> }
      return models.map(({ state }) => state)
    }
  }
}

t.test('who may do what', async t => {
  const app = await startApp()
  t.teardown(() => app.stop())

  t.test('a request without a key of a team is refused, and no engine is started for it', async t => {
    for (const init of [{}, bearer('wrong'), bearer(''), bearer(keys.admin), { headers: { authorization: keys.a } }]) {
      const answer = await app.chat('qwen-14b', init)
      t.equal(answer.status, 401)
      t.match(await answer.json(), { error: { type: 'invalid_request_error', message: /authorization/ } })
    }
    t.equal((await app.call('/v1/models')).status, 401)
    t.same(await (await app.call('/v1/models/', bearer(keys.a))).json(), await (await app.call('/v1/models', bearer(keys.a))).json(), 'with a slash it is the same list')
    for (const headers of [{ authorization: `bearer ${keys.a}` }, { 'x-api-key': keys.a }]) {
      t.equal((await app.call('/v1/models', { headers })).status, 200, `${Object.keys(headers)[0]} is a key, however its scheme is spelled`)
    }
    t.equal((await app.call('/nowhere')).status, 401, 'not even what is there is told')
    t.same(await app.states(), ['stopped', 'stopped'])
  })

  t.test('operators have a key of their own, however the path is spelled', async t => {
    for (const path of ['/admin/status', '/%61dmin/status', '/admin/%73tatus', '/admin//status', '/ADMIN/status', '/v1/../admin/status']) {
      const answer = await app.call(path, bearer(keys.a))
      t.not(answer.status, 200, path)
      t.notMatch(await answer.text(), 'qwen-14b', path)
    }
    t.equal((await app.call('/admin/stop', { method: 'POST', ...bearer(keys.a) })).status, 401)
    t.equal((await app.call('/admin/status', bearer(keys.admin))).status, 200)
  })

  t.test('the openai client lists, chats, streams and embeds as it would with OpenAI', async t => {
    const openai = app.openai(keys.a)
    t.same((await openai.models.list()).data.map(({ id }) => id), ['qwen-14b', 'gemma-12b', 'gemma'])
    t.equal((await openai.models.retrieve('gemma')).id, 'gemma')

    for (const [model, served] of [['qwen-14b', 'qwen-14b'], ['gemma', 'gemma-12b']] as const) {
      const question = { model, messages: [{ role: 'user' as const, content: 'What is up?' }], max_tokens: 30 }
      const answer = await openai.chat.completions.create(question)
      t.match(answer.choices[0]?.message.content, `[served=${served} engine=${served} asked=${model} `)

      let text = ''
      let reason
      for await (const { choices: [choice] } of await openai.chat.completions.create({ ...question, stream: true })) {
        text += choice?.delta.content ?? ''
        reason = choice?.finish_reason ?? reason
      }
      t.match(text, /^\[served=.*\] What is up\? /)
      t.equal(reason, 'length')
    }
    const { data } = await openai.embeddings.create({ model: 'qwen-14b', input: ['one', 'two'] })
    t.same(data.map(({ embedding }) => embedding.length), [8, 8])
    await t.rejects(openai.chat.completions.create({ model: 'gpt-0', messages: [] }), { status: 404, code: 'LLMUX_ERR_MODEL_NOT_FOUND' })
  })

  t.test('operators switch, put to sleep and stop, and see it happen', async t => {
    const post = (path: string) => app.call(`/admin/${path}`, { method: 'POST', ...bearer(keys.admin) })
    const feed = await app.call('/admin/events', bearer(keys.admin))
    let seen = ''
    const reading = (async () => {
      for await (const chunk of feed.body!.pipeThrough(new TextDecoderStream())) seen += chunk
    })()

    t.equal((await post('models/gemma/switch?wait=true')).status, 200)
    t.same(await app.states(), ['asleep', 'awake'])
    t.equal((await post('sleep')).status, 200)
    t.same(await app.states(), ['asleep', 'asleep'])
    t.equal((await post('stop')).status, 200)
    t.same(await app.states(), ['stopped', 'stopped'])
    t.match(await (await post('models/nobody/switch')).json(), { error: { code: 'LLMUX_ERR_MODEL_NOT_FOUND' } })
    t.equal((await post('models/gemma/fly')).status, 400)

    await until('the feed tells of the stop', () => /event: engine\ndata: .*"model":"gemma-12b".*"to":"stopped"/.test(seen))
    t.equal((await app.stop()).code, 0, 'an open feed does not keep the server from closing')
    await reading
  })

  t.test('probes need no key', async t => {
    const other = await startApp()
    t.teardown(() => other.stop())
    for (const path of ['/health/live', '/health/ready']) t.same(await (await other.call(path)).json(), { status: 'ok' })
    t.equal((await other.call('/health/nothing')).status, 401)

    t.equal((await other.call('/admin/openapi.json')).status, 401)
    const document = await (await other.call('/admin/openapi.json', bearer(keys.admin))).json() as { paths: Record<string, Record<string, { responses: object, summary?: string, requestBody?: object }>> }
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    t.ok(valid, JSON.stringify(errors))
    t.same(Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method} ${path}`)).sort(), [
      'get /admin/arrivals', 'get /admin/events', 'get /admin/history', 'get /admin/metrics', 'get /admin/models/{*}', 'get /admin/operations/{id}', 'get /admin/overview', 'get /admin/requests', 'get /admin/state', 'get /admin/status',
      'post /admin/chat', 'post /admin/drain', 'post /admin/models/{*}', 'post /admin/pause', 'post /admin/pin', 'post /admin/requests/{id}/cut', 'post /admin/resume', 'post /admin/undrain', 'post /admin/unpin', 'post /admin/withdraw',
      'get /v1/models', 'get /v1/models/{*}', ...knownRoutes.map(({ path }) => `post ${path}`)
    ].sort())
    for (const { path, body } of knownRoutes) {
      const { summary, requestBody } = document.paths[path]!['post'] as { summary?: string, requestBody?: { content: Record<string, { schema: { properties: object } }> } }
      t.ok(summary !== undefined && summary.length > 5, path)
      t.ok(requestBody!.content[body === 'json' ? 'application/json' : 'multipart/form-data']!.schema.properties, path)
    }
    t.ok(document.paths['/admin/models/{*}']!['post']!.responses)
  })

  t.test('no key was ever logged', async t => {
    t.ok(app.lines.length > 50)
    for (const key of Object.values(keys)) t.notOk(app.lines.some(line => line.includes(key)))
  })
})

t.test('the limit is one for each key, and what is above it causes no switch', async t => {
  const app = await startApp({ REQUESTS_PER_MINUTE: '2' })
  t.teardown(() => app.stop())
  for (const status of [200, 200, 429]) t.equal((await app.call('/v1/models', bearer(keys.a))).status, status)

  const refused = await app.chat('qwen-14b', bearer(keys.a))
  t.equal(refused.status, 429)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.match(await refused.json(), { error: { type: 'rate_limit_error' } })
  t.equal((await app.call('/v1/models', bearer(` ${keys.a}`))).status, 429, 'a key written otherwise is the same key')
  const error = await app.openai(keys.a).models.list().catch(error => error)
  t.ok(error instanceof OpenAI.RateLimitError, 'the client understands it')

  t.equal((await app.call('/v1/models', bearer('wrong'))).status, 401)
  t.equal((await app.call('/v1/models', bearer(keys.b))).status, 200, 'the other team has its own')
  for (let i = 0; i < 4; i++) t.same(await app.states(), ['stopped', 'stopped'], 'operators have none')
})

t.test('it does not start with keys that everybody knows where others can reach it, nor tells keys when it refuses', async t => {
  const start = (more: Record<string, string>) => startServer([server], { env: { PORT: '0', ...more } })
  await t.rejects(start({ HOST: '0.0.0.0', ADMIN_KEY: keys.admin }), /set API_KEYS and ADMIN_KEY/)
  await t.rejects(start({ HOST: '0.0.0.0', API_KEYS: env.API_KEYS }), /set API_KEYS and ADMIN_KEY/)
  const error: Error = await start({ API_KEYS: keys.a }).then(() => t.fail('it has started'), error => error)
  t.match(error.message, 'API_KEYS must be name=key,name=key')
  t.notMatch(error.message, keys.a)
})

t.test('LLMUX_VLLM is the command of the engines, LLMUX_MODELS the models', async t => {
  const models = { tiny: { path: 'org/tiny', aliases: ['t'], sleepMode: 'simulated', args: ['--mock-default-tokens', '7'] } }
  const app = await startApp({ LLMUX_VLLM: mockCommand.join(' '), LLMUX_MODELS: JSON.stringify(models) })
  t.teardown(() => app.stop())
  const openai = app.openai(keys.a)
  t.same((await openai.models.list()).data.map(({ id }) => id), ['tiny', 't'])
  const { usage } = await openai.chat.completions.create({ model: 't', messages: [{ role: 'user', content: 'hi' }] })
  t.equal(usage?.completion_tokens, 7)

  await t.rejects(startApp({ LLMUX_MODELS: '{' }), /LLMUX_MODELS must be JSON/)
  await t.rejects(startApp({ LLMUX_MODELS: '{"tiny":{"sleepLevel":4}}' }), /LLMUX_ERR_OPTIONS/)
})

t.test('whichever way it ends, nothing of it is left', async t => {
  // As a mistake in the team's own code would.
  const bomb = ['--import', 'data:text/javascript,process.on("SIGUSR2", () => { throw new Error("a mistake") })']
  const ends = [
    { name: 'SIGTERM', signal: 'SIGTERM', code: 0, stream: 'whole' },
    { name: 'SIGINT, as by Ctrl-C', signal: 'SIGINT', code: 0, stream: 'whole' },
    { name: 'an uncaught error', signal: 'SIGUSR2', code: 1, stream: 'broken' },
    { name: 'SIGKILL', signal: 'SIGKILL', code: null, stream: 'broken' }
  ] as const

  for (const { name, signal, code, stream } of ends) {
    t.test(name, async t => {
      const app = await startApp({}, bomb)
      await (await app.chat('gemma', bearer(keys.a))).text()
      let begun = false
      const reading = (async () => {
        const chunks = await app.openai(keys.a).chat.completions.create({ model: 'qwen-14b', messages: [{ role: 'user', content: 'hi' }], max_tokens: 60, stream: true })
        let reason
        for await (const { choices: [choice] } of chunks) {
          begun = true
          reason = choice?.finish_reason ?? reason
        }
        return reason === 'length' ? 'whole' : 'cut short'
      })().catch(() => 'broken')
      await until('the stream runs', () => begun)

      const processes = family(app.pid)!
      t.ok(processes.length >= 5, 'a gateway, and two processes for each model, one of which is asleep')
      t.same(await app.stop(signal), { code, signal: code === null ? signal : null })
      t.equal(await reading, stream, `the stream in flight is ${stream}`)
      t.same(await remaining(processes), [])
    })
  }
})

t.test('the demo', async t => {
  /** Until a line of its output, or its end. */
  function startDemo () {
    const [command, ...args] = plainNode
    const child = spawn(command, [...args, demo], { env: plainEnv, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    createInterface(child.stdout).on('line', line => lines.push(line))
    return { child, lines, exit: once(child, 'exit') }
  }

  t.test('shows a switch, checks it, and leaves nothing behind', async t => {
    const { child, lines, exit } = startDemo()
    await until('both models run', () => lines.some(line => line.includes('gemma-12b is awake')), 60_000)
    const processes = family(child.pid as number)!
    t.ok(processes.length >= 6)
    t.same(await exit, [0, null])
    t.same(await remaining(processes), [])

    const checked = lines.slice(lines.indexOf('What has been checked:') + 1).filter(Boolean)
    t.equal(checked.length, 7)
    for (const line of checked) t.match(line, /^ {2}✔ /)
    const at = (text: string) => lines.findIndex(line => line.includes(text))
    t.ok(at('60 of 60 tokens') > 0 && at('60 of 60 tokens') < at('starts gemma-12b'), 'the first stream is whole before the second model is started')
  })

  t.test('interrupted in the middle it leaves nothing behind either', async t => {
    const { child, lines, exit } = startDemo()
    await until('a model runs', () => lines.some(line => line.includes('reads the first token')), 60_000)
    const processes = family(child.pid as number)!
    t.ok(processes.length >= 4)
    child.kill('SIGINT')
    t.same(await exit, [1, null])
    t.same(await remaining(processes), [])
  })
})
