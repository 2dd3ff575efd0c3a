// usage: LLMUX_VLLM=DIR LLMUX_LLAMA_PYTHON=PYTHON npm run test:e2e-llama-cpp
// A real llama.cpp beside a real vLLM, which take turns behind `serve`. DIR is what test/contract/install-vllm.sh has made; PYTHON
// has the packages "llama-cpp-python[server]" and gguf.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { family, left } from '../../../example-app/demo/leftovers.js'
import { Report } from '../report.js'

const { LLMUX_VLLM: vllm, LLMUX_LLAMA_PYTHON: python } = process.env
if (vllm === undefined || python === undefined) {
  console.error('LLMUX_VLLM or LLMUX_LLAMA_PYTHON is not set: see the head of this file')
  process.exit(2)
}
const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'llmux-e2e-'))
const gguf = join(directory, 'tiny.gguf')
execFileSync(python, [here('make-gguf.py'), gguf], { stdio: 'inherit' })
const port = await freePort()
const config = join(directory, 'llmux.json')
writeFileSync(config, JSON.stringify({
  gpuMemoryCommand: false,
  models: {
    'tiny-a': { path: join(vllm, 'models/tiny-a'), command: here('../../contract/vllm-cpu.sh'), env: { LLMUX_VLLM: vllm }, sleepMode: 'simulated' },
    'tiny-gguf': {
      engine: 'openai',
      path: gguf,
      command: [python, '-m', 'llama_cpp.server', '--model', '{path}', '--model_alias', '{name}', '--host', '127.0.0.1', '--port', '{port}', '--embedding', 'true', '--n_ctx', '1024'],
      port,
      readyPath: '/v1/models'
    }
  }
}))
const report = new Report()
const gateway = spawn(process.execPath, [here('../../../dist/bundle/cli/bin.js'), 'serve', '--config', config, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  await play(await listening())
} finally {
  gateway.kill('SIGKILL')
  rmSync(directory, { recursive: true })
}
report.print()
process.exitCode = report.checks.every(({ ok }) => ok) ? 0 : 1

/** @param {string} url */
async function play (url) {
  report.begin('both engines')
  const names = ['tiny-a', 'tiny-gguf']
  for (const name of names) {
    const { status, json } = await chat(url, name)
    report.check(`${name} answers a chat`, status === 200 && json.choices[0].message.content !== '' && ['length', 'stop'].includes(json.choices[0].finish_reason), json)
    const text = await (await post(url, '/v1/chat/completions', { ...question(name), stream: true })).text()
    report.check(`${name} streams`, text.includes('"delta"') && text.trimEnd().endsWith('data: [DONE]'), text.slice(-300))
  }
  const embeddings = /** @type {any} */ (await (await post(url, '/v1/embeddings', { model: 'tiny-gguf', input: 'hello' })).json())
  report.check('tiny-gguf embeds', embeddings.data?.[0].embedding.length > 0, embeddings)

  report.begin('twenty switches')
  const first = await Promise.all(names.map(async name => (await chat(url, name)).json.choices[0].message.content))
  for (let index = 0; index < 20; index++) {
    const begin = performance.now()
    const { status, json } = await chat(url, String(names[index % 2]))
    report.time(`request that switches to ${names[index % 2]}`, performance.now() - begin)
    if (status !== 200 || json.choices[0].message.content !== first[index % 2]) report.check(`switch ${index + 1} has the same answer as the first`, false, json)
  }
  report.check('each answered as the first did', true)

  report.begin('SIGKILL of the gateway')
  const engines = (family(Number(gateway.pid)) ?? []).filter(({ pid }) => pid !== gateway.pid)
  report.check('engines run', engines.length > 3, engines)
  const begin = performance.now()
  gateway.kill('SIGKILL')
  await once(gateway, 'exit')
  while (left(engines).length > 0 && performance.now() - begin < 15_000) await delay(50)
  report.time('until no process of an engine is left', performance.now() - begin)
  report.check('no process of an engine is left', left(engines).length === 0, left(engines))
  report.check('the port is free', await isFree(port))
}

/** @param {string} model */
function question (model) {
  return { model, messages: [{ role: 'user', content: 'Name a river.' }], max_tokens: 20, temperature: 0 }
}

/** @param {string} url @param {string} model */
async function chat (url, model) {
  const answer = await post(url, '/v1/chat/completions', question(model))
  return { status: answer.status, json: /** @type {any} */ (await answer.json()) }
}

/** @param {string} url @param {string} path @param {object} body */
function post (url, path, body) {
  return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

/** @returns {Promise<string>} */
async function listening () {
  return await new Promise((resolve, reject) => {
    createInterface(gateway.stdout).on('line', line => {
      const url = /http:\/\/127[\w.:]+/.exec(line)?.[0]
      if (url !== undefined) resolve(url)
    })
    gateway.once('exit', () => reject(new Error('the gateway has not started')))
  })
}

/** @returns {Promise<number>} */
async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return port
}

/** @param {number} port */
async function isFree (port) {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
