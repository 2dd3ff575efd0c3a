import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { family, remaining } from '../../example-app/demo/leftovers.js'
import { bin, cli, file } from '../helpers/cli.ts'
import { until } from '../helpers/engine-process.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import { startServer } from '../helpers/plain-node.ts'

t.test('what it says, and its exit codes', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.same(await cli(['--version']), { stdout: `${version}\n`, stderr: '', code: 0 })
  t.match(await cli(['--help']), { stdout: /usage: fastify-llmux/, stderr: '', code: 0 })
  t.same(await cli(['srve']), {
    stdout: '', stderr: 'fastify-llmux: unknown command "srve": use one of serve, validate, simulate\nfastify-llmux --help says more\n', code: 2
  })
  const bad = file('bad.json', { models: { a: { slepLevel: 1 } } })
  t.same(await cli(['serve', '--config', bad]), { stdout: '', stderr: `fastify-llmux: ${bad}: models["a"].slepLevel is unknown: did you mean sleepLevel?\n`, code: 2 })
  const old = file('llmux.json', { models: { a: { model_path: 'x', port: 8001, dtype: 'auto' } } })
  t.match(await cli(['--print-options', '--config', old]), { stdout: /^\/\/ .*llmux 0\.3[^]*dtype is ignored[^]*await app\.register\(llmux, \{/, code: 0 })
  t.match(await cli(['simulate', '--help']), { stdout: /simulate/, code: 0 })
  t.match(await cli(['validate', '--config', old, '--model', 'b']), { stderr: /fastify-llmux: the model `b` does not exist\n$/, code: 1 })
})

t.test('what needs no package waits for none', async t => {
  const flags = ['--require', fileURLToPath(new URL('fixtures/loaded.cjs', import.meta.url))]
  t.match(await cli(['--help'], flags), { stdout: /usage: fastify-llmux/, stderr: '[]\n', code: 0 })
  t.match(await cli(['srve'], flags), { stderr: /says more\n\[\]\n$/, code: 2 })
})

t.test('serve', async t => {
  const config = file('serve.json', {
    models: { a: { model_path: 'org/a', port: 18731, sleep_level: 1, dtype: 'auto' } }, vllm_command: mockCommand.join(' ')
  })
  const env = { LLMUX_API_KEYS: 'sk-one, sk-two', MOCK_VLLM_TOKEN_MS: '1' }
  const server = await startServer([bin, 'serve', '--config', config, '--port', '0'], { env })
  t.teardown(() => server.stop('SIGKILL'))
  const chat = (key?: string) => fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model: 'a', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 })
  })

  t.ok(server.lines.some(line => /"field":"models\[\\"a\\"\]\.dtype".*is ignored/.test(line)), 'what does not count is in the log')
  for (const key of [undefined, 'sk-three']) {
    const refused = await chat(key)
    t.equal(refused.status, 401)
    t.match(await refused.json(), { error: { type: 'invalid_request_error', code: 'invalid_api_key' } })
  }
  const answer = await chat('sk-two')
  t.equal(answer.status, 200)
  t.match(await answer.json(), { choices: [{ message: { content: /served=a / } }] }, 'a name, not the path, is what engine and client call the model')

  for (const headers of [{ authorization: 'bearer sk-two' }, { 'x-api-key': 'sk-two' }]) {
    t.equal((await fetch(`${server.url}/v1/models`, { headers })).status, 200, `${Object.keys(headers)[0]} is a key, however its scheme is spelled`)
  }
  t.equal((await fetch(`${server.url}/v1/models`, { headers: { 'x-api-key': 'sk-three' } })).status, 401)

  t.equal((await fetch(`${server.url}/health/ready`)).status, 200, 'whoever probes needs no key')

  const names = async () => {
    const { data } = await (await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer sk-one' } })).json() as { data: { id: string }[] }
    return data.map(({ id }) => id)
  }
  const logged = (pattern: RegExp) => until(`${pattern} is in the log`, () => server.lines.find(line => pattern.test(line)))
  file('serve.json', { models: { a: { model_path: 'org/a', port: 18731, sleep_level: 7 } } })
  process.kill(server.pid, 'SIGHUP')
  await logged(/not reloaded/)
  t.same(await names(), ['a'], 'a file that is wrong changes nothing')
  file('serve.json', { models: { a: { model_path: 'org/a', port: 18731, sleep_level: 1 }, b: { model_path: 'org/b', port: 18732, sleep_level: 1 } }, vllm_command: mockCommand.join(' ') })
  process.kill(server.pid, 'SIGHUP')
  await logged(/(?<!not )reloaded/)
  t.same(await names(), ['a', 'b'], 'a new one appears')

  const taken = await cli(['serve', '--config', config, '--port', new URL(server.url).port])
  t.equal(taken.code, 1)
  t.match(taken.stderr, /^fastify-llmux: listen EADDRINUSE.*\n$/)

  const processes = family(server.pid)
  t.ok(processes!.length >= 2, 'the engine runs')
  t.equal((await server.stop()).code, 0, 'SIGTERM ends it in order')
  t.same(await remaining(processes!), [], 'and no process is left')
})

t.test('serve has the page, the operators’ routes and metrics, each with its own key', async t => {
  const config = file('operated.json', { server: { cors: ['https://chat.example'] }, models: { a: {} }, command: mockCommand })
  const env = { LLMUX_API_KEYS: 'sk-user', LLMUX_ADMIN_KEY: 'sk-ops', LLMUX_METRICS_KEY: 'sk-scrape' }
  const server = await startServer([bin, 'serve', '--config', config, '--port', '0'], { env })
  t.teardown(() => server.stop('SIGKILL'))
  const status = async (path: string, key?: string, more: RequestInit = {}) => (await fetch(server.url + path, { ...more, headers: { ...(key && { authorization: `Bearer ${key}` }), ...more.headers as Record<string, string> } })).status

  await until('the log says where the page is', () => server.lines.find(line => line.includes(`the page is at ${server.url}/`)))
  t.equal(await status('/'), 200)
  t.equal(await status('/page/app.js'), 200)
  const expected = { 'sk-user': [401, 401, 200], 'sk-ops': [200, 200, 401], 'sk-scrape': [401, 200, 401] }
  for (const [key, statuses] of Object.entries(expected)) {
    t.same(await Promise.all(['/admin/status', '/metrics', '/v1/models'].map(path => status(path, key))), statuses, key)
  }
  t.equal(await status('/admin/models/a/stop', 'sk-scrape', { method: 'POST' }), 401, 'who reads metrics stops nothing')
  t.match(await (await fetch(`${server.url}/metrics`, { headers: { authorization: 'Bearer sk-scrape' } })).text(), /llmux_build_info/)

  const preflight = (path: string, origin: string) => fetch(server.url + path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } })
  t.equal((await preflight('/v1/chat/completions', 'https://chat.example')).headers.get('access-control-allow-origin'), 'https://chat.example')
  t.equal((await preflight('/v1/chat/completions', 'https://other.example')).headers.get('access-control-allow-origin'), null)
  t.equal((await preflight('/admin/models/a/stop', 'https://chat.example')).headers.get('access-control-allow-origin'), null)
})

t.test('without a key the operators’ routes are open to this machine, and closed to others', async t => {
  const config = file('keyless.json', { models: { a: {} }, command: mockCommand })
  const local = await startServer([bin, 'serve', '--config', config, '--port', '0'])
  t.teardown(() => local.stop('SIGKILL'))
  t.equal((await fetch(`${local.url}/admin/status`)).status, 200)
  t.equal((await fetch(`${local.url}/metrics`)).status, 200)
  await until('the log says that all is open', () => local.lines.find(line => /no key is set .LLMUX_ADMIN_KEY., so everyone on this machine/.test(line)))
  const { port } = new URL(local.url)
  const byName = await new Promise<number | undefined>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/admin/status', headers: { host: `evil.example:${port}` } }, ({ statusCode }) => resolve(statusCode)).on('error', reject).end()
  })
  t.equal(byName, 403, 'a page that has its own name point here learns nothing')

  const open = await startServer([bin, 'serve', '--config', config, '--port', '0', '--host', '0.0.0.0'])
  t.teardown(() => open.stop('SIGKILL'))
  const { port: openPort } = new URL(open.url)
  for (const path of ['/', '/admin/status', '/metrics', '/page/app.js']) t.equal((await fetch(`http://127.0.0.1:${openPort}${path}`)).status, 404, path)
  await until('the log says why', () => open.lines.find(line => /no page and no operators' routes/.test(line)))
})

t.test('the demo serves mock engines with made-up traffic', async t => {
  const server = await startServer([bin, 'serve', '--demo', '--port', '0'])
  t.teardown(() => server.stop('SIGKILL'))
  t.equal((await fetch(`${server.url}/`)).status, 200)
  await until('somebody asks for a model', async () => {
    const { status: { models } } = await (await fetch(`${server.url}/admin/overview`)).json() as { status: { models: Array<{ state: string }> } }
    return models.some(({ state }) => state === 'starting')
  })
  const processes = family(server.pid)
  t.equal((await server.stop()).code, 0)
  t.same(await remaining(processes!), [], 'no process is left')
})
