import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { until } from '../helpers/engine-process.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import { plainEnv, plainNode, startServer } from '../helpers/plain-node.ts'

// Every example as somebody would run it: by its file, with `vllm` in PATH.

const examples = fileURLToPath(new URL('../../examples', import.meta.url))
const bin = mkdtempSync(join(tmpdir(), 'llmux-examples-'))
writeFileSync(join(bin, 'vllm'), `#!/bin/sh\nexec ${mockCommand.map(word => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
t.teardown(() => rmSync(bin, { recursive: true, force: true }))

const times = { MOCK_VLLM_START_MS: '20', MOCK_VLLM_SLEEP_MS: '5', MOCK_VLLM_WAKE_MS: '5', MOCK_VLLM_TOKEN_MS: '2' }

async function start (t: Test, name: string, env: Record<string, string> = {}) {
  const server = await startServer([join(examples, name, 'server.js')], { env: { PATH: `${bin}:${plainEnv['PATH']}`, PORT: '0', ...times, ...env } })
  t.teardown(() => server.stop())
  const ask = (model: string, headers: Record<string, string> = {}, path = '/v1/completions') => fetch(`${server.url}${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model, prompt: 'hi', max_tokens: 3 })
  })
  return { ...server, ask }
}

/** A server of somebody else's. */
async function elsewhere (t: Test, answer: (headers: Record<string, unknown>) => object): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(request.headers))))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

t.test('every example has a test', async t => {
  const folders = readdirSync(examples, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => name)
  const text = readFileSync(fileURLToPath(import.meta.url), 'utf8')
  for (const name of folders) t.ok(text.includes(`t.test('${name}'`), name)
})

t.test('minimal', async t => {
  const { ask } = await start(t, 'minimal')
  t.match(await (await ask('qwen-14b')).json(), { model: 'qwen-14b', choices: [{ finish_reason: 'length' }] })
  t.match(await (await ask('gemma')).json(), { model: 'gemma-12b' }, 'by its alias')
  t.equal((await ask('nobody')).status, 404)
})

t.test('keys-and-limits', async t => {
  const { ask } = await start(t, 'keys-and-limits', { KEYS: 'research=sk-one,support=sk-two', REQUESTS_PER_MINUTE: '3' })
  const unknown = await ask('qwen-14b', bearer('sk-wrong'))
  t.equal(unknown.status, 401)
  t.match(await unknown.json(), { error: { type: 'invalid_request_error' } })
  t.equal((await ask('gemma-12b', bearer('sk-two'))).status, 403, 'a model of another team')
  t.equal((await ask('qwen-14b', bearer('sk-two'))).status, 200)
  t.equal((await ask('qwen-14b', bearer('sk-two'))).status, 200)
  t.equal((await ask('qwen-14b', bearer('sk-two'))).status, 429, 'the fourth in a minute')
  t.equal((await ask('gemma-12b', bearer('sk-one'))).status, 200, 'the other team has a limit of its own')
})

t.test('jwt-scope', async t => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...await exportJWK(publicKey), kid: 'one', alg: 'ES256' }
  const jwks = await elsewhere(t, () => ({ keys: [jwk] }))
  const { ask, url } = await start(t, 'jwt-scope', { ISSUER: 'https://login.example', JWKS: jwks })
  const token = (audience: string) => new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuer('https://login.example').setAudience(audience).setExpirationTime('1 hour').sign(privateKey)
  const path = '/llm/v1/completions'
  t.equal((await ask('qwen-14b', {}, path)).status, 401)
  t.equal((await ask('qwen-14b', bearer(await token('something else')), path)).status, 401)
  t.same(await (await fetch(`${url}/about`)).json(), { models: [{ name: 'qwen-14b', state: 'stopped' }] }, 'open, and nothing was started')
  t.equal((await ask('qwen-14b', bearer(await token('llm')), path)).status, 200)
})

t.test('openai-cloud-and-local', async t => {
  const cloud = await elsewhere(t, headers => ({ model: 'gpt-5', key: headers['authorization'] }))
  const { ask } = await start(t, 'openai-cloud-and-local', { OPENAI_API_KEY: 'sk-cloud', CLOUD: cloud })
  t.match(await (await ask('qwen-14b', bearer('sk-client'))).json(), { model: 'qwen-14b', choices: [{}] }, 'from the GPU')
  t.same(await (await ask('gpt-5', bearer('sk-client'))).json(), { model: 'gpt-5', key: 'Bearer sk-cloud' }, 'from the cloud, with the gateway\'s key')
})

t.test('priorities', async t => {
  const { ask } = await start(t, 'priorities', { BATCH_WAIT_MS: '1' })
  t.match(await (await ask('gemma-12b', { 'x-batch': '1' })).json(), { error: { code: 'LLMUX_ERR_PASSIVE_TIMEOUT' } }, 'a batch job starts no model')
  t.equal((await ask('qwen-14b')).status, 200)
  t.equal((await ask('qwen-14b', { 'x-batch': '1' })).status, 200, 'and is served while its model is awake')
})

t.test('prometheus-grafana', async t => {
  const { ask, url } = await start(t, 'prometheus-grafana', { HOST: '127.0.0.1' })
  await ask('qwen-14b')
  t.match(await (await fetch(`${url}/metrics`)).text(), /llmux_requests_total\{model="qwen-14b",route="\/v1\/completions",outcome="ok"\} 1/)
  const folder = join(examples, 'prometheus-grafana')
  const { services } = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8')) as { services: Record<string, { volumes: string[] }> }
  for (const { volumes } of Object.values(services)) {
    for (const volume of volumes) t.ok(existsSync(join(folder, volume.split(':')[0]!)), volume)
  }
  const { rule_files: rules } = parse(readFileSync(join(folder, 'prometheus.yaml'), 'utf8')) as { rule_files: string[] }
  for (const rule of rules) t.ok(services['prometheus']!.volumes.some(volume => volume.includes(`:${rule}:`)), rule)
  for (const file of ['datasources/prometheus.yaml', 'dashboards/llmux.yaml']) t.ok(parse(readFileSync(join(folder, 'grafana', file), 'utf8')), file)
  t.ok(services['grafana']!.volumes.some(volume => dirname(volume.split(':')[1]!) === '/var/lib/grafana/dashboards'))
})

t.test('tracing', async t => {
  const { ask, lines } = await start(t, 'tracing')
  t.equal((await ask('qwen-14b')).status, 200)
  const printed = () => lines.filter(line => /^ {2}name: '/.test(line)).map(line => line.slice("  name: '".length, -2)).sort()
  await until('all spans are printed', () => printed().length >= 4)
  t.same(printed(), ['engine qwen-14b', 'switch qwen-14b', 'text_completion qwen-14b', 'wait qwen-14b'], 'and none of our own calls')
  const code = readFileSync(join(examples, 'tracing/server.js'), 'utf8').replace(/^\/\/.*\n/, '').trim()
  t.ok(readFileSync(join(examples, '../docs/tracing.md'), 'utf8').includes(`\`\`\`js\n${code}\n\`\`\``), 'docs/tracing.md shows it')
})

t.test('inject-tests', async t => {
  const [command, ...before] = plainNode
  const { stdout } = await promisify(execFile)(command, [...before, '--test', '--test-reporter=tap', join(examples, 'inject-tests/app.test.js')], { env: { ...plainEnv, ...times } })
  t.match(stdout, /# pass 4\n# fail 0/)
})

t.test('docs/testing.md shows that example', async t => {
  const page = readFileSync(join(examples, '../docs/testing.md'), 'utf8')
  for (const file of ['app.js', 'app.test.js']) {
    const code = readFileSync(join(examples, 'inject-tests', file), 'utf8').replace(/^\/\/.*\n/, '').trim()
    t.ok(page.includes(`\`\`\`js\n${code}\n\`\`\``), file)
  }
})
