import { readFileSync } from 'node:fs'
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
    stdout: '', stderr: 'fastify-llmux: there is no command "srve": known are serve, validate, simulate\nfastify-llmux --help says more\n', code: 2
  })
  const bad = file('bad.json', { models: { a: { slepLevel: 1 } } })
  t.same(await cli(['serve', '--config', bad]), { stdout: '', stderr: `fastify-llmux: ${bad}: models["a"].slepLevel is unknown: did you mean sleepLevel?\n`, code: 2 })
  const old = file('llmux.json', { models: { a: { model_path: 'x', port: 8001, dtype: 'auto' } } })
  t.match(await cli(['--print-options', '--config', old]), { stdout: /^\/\/ .*llmux 0\.3[^]*dtype is ignored[^]*await app\.register\(llmux, \{/, code: 0 })
  t.match(await cli(['simulate', '--help']), { stdout: /simulate/, code: 0 })
  t.match(await cli(['validate', '--config', old, '--model', 'b']), { stderr: /fastify-llmux: the model `b` does not exist\n$/, code: 1 })
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
  await logged(/is not taken over/)
  t.same(await names(), ['a'], 'a file that is wrong changes nothing')
  file('serve.json', { models: { a: { model_path: 'org/a', port: 18731, sleep_level: 1 }, b: { model_path: 'org/b', port: 18732, sleep_level: 1 } }, vllm_command: mockCommand.join(' ') })
  process.kill(server.pid, 'SIGHUP')
  await logged(/has been read again/)
  t.same(await names(), ['a', 'b'], 'a new one appears')

  const taken = await cli(['serve', '--config', config, '--port', new URL(server.url).port])
  t.equal(taken.code, 1)
  t.match(taken.stderr, /^fastify-llmux: listen EADDRINUSE.*\n$/)

  const processes = family(server.pid)
  t.ok(processes!.length >= 2, 'the engine runs')
  t.equal((await server.stop()).code, 0, 'SIGTERM ends it in order')
  t.same(await remaining(processes!), [], 'and no process is left')
})
