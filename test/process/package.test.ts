import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { validateOptions } from '../../lib/options/validate.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import { plainEnv as env, plainNode, startServer } from '../helpers/plain-node.ts'
import { client, completeServer, examplePolicy, scopesServer, validateProgram } from '../helpers/readme.ts'

// What somebody has who installs the package: packed, installed and used as theirs, in a plain JavaScript project and
// in a TypeScript one.

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'llmux-package-'))
const js = join(home, 'js')
const ts = join(home, 'ts')
const installed = join(home, 'node_modules/fastify-llmux')
const [command, ...nodeArgs] = plainNode
const node = (args: string[], cwd: string) => run(command, [...nodeArgs, ...args], { cwd, env })

// It downloads, and compiles with all the types of Fastify.
t.setTimeout(300_000)
t.teardown(() => rmSync(home, { recursive: true, force: true }))

function write (directory: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
}

/** Paths of all files below a directory, relative to it. */
function filesBelow (directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
}

t.test('the package', async t => {
  t.ok(existsSync(join(root, 'dist/bundle/index.js')), '`npm run build` comes first')
  mkdirSync(js)
  mkdirSync(ts)
  // Without scripts: others may be using `dist` just now, and a build would take it away for a moment.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], { cwd: root, env })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string, files: Array<{ path: string }> }]

  t.test('holds the compiled plugin with its types, the page, the mock for the demo, the documentation, and nothing else', async t => {
    const sources = filesBelow(join(root, 'lib')).map(path => path.replace(/\.ts$/, ''))
    const expected = [
      'CHANGELOG.md', 'LICENSE', 'README.md', 'llms.txt', 'package.json',
      ...filesBelow(join(root, 'docs')).filter(path => path.endsWith('.md')).map(path => `docs/${path}`),
      ...['app.css', 'app.js', 'fleet.js', 'icon.svg', 'index.html', 'what-if.js'].map(name => `dist/lib/page/assets/${name}`),
      ...filesBelow(join(root, 'mock-vllm')).map(path => `mock-vllm/${path}`),
      ...sources.map(path => `dist/lib/${path}.d.ts`),
      ...filesBelow(join(root, 'dist/bundle')).map(path => `dist/bundle/${path}`)
    ]
    t.same(files.map(({ path }) => path).sort(), expected.sort())
  })

  write(home, { 'package.json': JSON.stringify({ private: true, type: 'module' }) })
  const { version: fastify } = JSON.parse(readFileSync(join(root, 'node_modules/fastify/package.json'), 'utf8'))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`, `fastify@${fastify}`], { cwd: home, env })
  // The same for every project, and large: not worth a download.
  for (const name of ['openai', '@types/node', 'undici-types']) {
    mkdirSync(join(home, 'node_modules', name, '..'), { recursive: true })
    if (!existsSync(join(home, 'node_modules', name))) symlinkSync(join(root, 'node_modules', name), join(home, 'node_modules', name))
  }

  t.test('depends on what it imports, and on nothing else', async t => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const code = filesBelow(join(installed, 'dist')).filter(path => path.endsWith('.js')).map(path => readFileSync(join(installed, 'dist', path), 'utf8'))
    const imported = code.flatMap(text => [...text.matchAll(/(?:from|import) ['"]([^.'"][^'"]*)['"]|import\(['"]([^.'"]+)['"]\)/g)].map(([, name, lazy]) => (name ?? lazy) as string))
    // Its own name is in the server that `--print-options` writes for others.
    const packages = imported.filter(name => !name.startsWith('node:') && name !== 'fastify-llmux').map(name => name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/'))
    t.same([...new Set(packages)].sort(), [...Object.keys(dependencies), ...Object.keys(peerDependencies)].sort())
  })

  t.test('refuses wrong options in a plain JavaScript project, and can be required from CommonJS', async t => {
    write(js, {
      'refused.js': `
        import Fastify from 'fastify'
        import llmux from 'fastify-llmux'
        try {
          await Fastify().register(llmux, { models: { a: { slepLevel: 2 } } })
        } catch ({ code, message }) {
          console.log(code, message)
        }`,
      'required.cjs': "console.log(typeof require('fastify-llmux').default)"
    })
    const refused = await node(['refused.js'], js)
    t.match(refused.stdout, /^LLMUX_ERR_OPTIONS .*models\["a"\]\.slepLevel.*sleepLevel/)
    const required = await node(['required.cjs'], js)
    t.equal(required.stdout.trim(), 'function')
  })

  t.test('checks options as the sources do, though they were compiled ahead', async t => {
    const models = { a: {} }
    const wrong: unknown[] = [
      {}, { models: [] }, { models: {} }, { models: { ' a': {} } }, { models: { a: { port: 0 } } }, { models: { a: { port: 1.5 } } }, { models: { a: { sleepLevel: 4 } } }, { models: { a: { timeouts: { start: -1 } } } },
      { models: { a: { env: { 'A=': '' } } } }, { models: { a: { env: { A: 'a\0' } } } }, { models: { a: { gpus: [0, 0] } } }, { models: { a: { gpus: { any: 0 } } } }, { models: { a: { gpus: ['x'] } } }, { models: { a: { gpuShare: 2 } } },
      { models: { a: { container: { network: '' } } } }, { models, prefix: '/a/' }, { models, policy: 'best' }, { models, policy: { type: 'fifo', maxWait: 1 } }, { models, policy: { type: 'simple', perRequest: -1 } }, { models, policy: 1 },
      { models, priority: 1 }, { models, mayCauseSwitch: true }, { models, routes: ['/v1/chat', '/v1/chat'] }, { models, heartbeat: 1 }, { models, hostMemory: 0 }, { models, modelHeader: 'a b' }, { models, timeouts: { starts: 1 } }, { models, bodyLimits: 1 }
    ]
    const program = "import Fastify from 'fastify'\nimport llmux from 'fastify-llmux'\nfor (const options of JSON.parse(process.argv[2])) await Fastify().register(llmux, options).then(() => console.log('fine'), error => console.log(error.message))"
    write(js, { 'wrong.js': program })
    const { stdout } = await node(['wrong.js', JSON.stringify(wrong)], js)
    const sources = wrong.map(options => {
      try {
        return validateOptions(options) ?? 'fine'
      } catch (error) {
        return (error as Error).message
      }
    })
    t.same(stdout.trimEnd().split('\n'), sources)
    t.notOk(sources.includes('fine'))
  })

  t.test('serves what the README and the pages say, with their server and client as they stand there', async t => {
    const bin = join(home, 'bin')
    mkdirSync(bin)
    // vLLM is what is called `vllm` in PATH.
    writeFileSync(join(bin, 'vllm'), `#!/bin/sh\nexec ${mockCommand.map(word => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
    write(js, { 'server.js': completeServer().replace('port: 3000', 'port: 0') })
    const server = await startServer(['server.js'], { cwd: js, env: { PATH: `${bin}:${env['PATH']}` } })
    t.teardown(() => server.stop())

    write(js, { 'client.js': client().replace('http://localhost:3000', server.url).replace("apiKey: '", "defaultHeaders: { 'x-team': 'research' }, apiKey: '") })
    const { stdout } = await node(['client.js'], js)
    t.match(stdout, /served=gemma-12b .*asked=gemma .*Why is the sky blue\?/, 'the client reads the answer of the alias')
    t.ok(server.lines.some(line => /^gemma-12b is awake after \d+ ms of starting: /.test(line)), 'the listener for events has heard of the start')

    const ask = (model: string) => fetch(`${server.url}/v1/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, prompt: 'hi', max_tokens: 2 })
    })
    const refused = await ask('gemma-12b')
    t.equal(refused.status, 403, 'the hook refuses who is not of the team')
    t.match(await refused.json(), { error: { message: 'gemma-12b is for the research team' } })

    const motto = await fetch(`${server.url}/motto`)
    t.match(await motto.json(), { model: 'qwen-14b', choices: [{ finish_reason: 'length' }] }, 'the route with a lease answers')
    t.same(await (await fetch(`${server.url}/warm-up`)).json(), { awake: 'gemma' })
    t.equal((await server.stop()).code, 0, 'SIGTERM ends it in order')
  })

  t.test('serves from a scope of its own what docs/scopes.md says, with its server as it stands there', async t => {
    write(js, { 'scopes.js': scopesServer().replace('port: 3000', 'port: 0').replace('Fastify()', 'Fastify({ logger: true })') })
    const server = await startServer(['scopes.js'], { cwd: js, env: { PATH: `${join(home, 'bin')}:${env['PATH']}` } })
    t.teardown(() => server.stop())
    const ask = (headers: Record<string, string>) => fetch(`${server.url}/api/llm/v1/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model: 'qwen-14b', prompt: 'hi', max_tokens: 2 })
    })
    t.equal((await ask({})).status, 401)
    t.same(await (await fetch(`${server.url}/about`)).json(), { awake: [] })
    t.equal((await ask({ authorization: 'Bearer a-token' })).status, 200)
    t.same(await (await fetch(`${server.url}/about`)).json(), { awake: ['qwen-14b'] }, 'outside of the scope')
    const status = async (key: string) => await fetch(`${server.url}/ops/status`, { headers: { authorization: `Bearer ${key}` } })
    t.equal((await status('a-token')).status, 401)
    t.match(await (await status('the-operators-key')).json(), { models: [{ name: 'qwen-14b', state: 'awake' }] })
    t.equal((await server.stop()).code, 0)
  })

  t.test('validates a model with the program of docs/validate.md as it stands there', async t => {
    write(js, { 'validate.js': validateProgram() })
    const { stdout } = await run(command, [...nodeArgs, 'validate.js'], { cwd: js, env: { ...env, PATH: `${join(home, 'bin')}:${env['PATH']}` } })
    t.match(stdout, /qwen/)
    t.match(stdout, /safe|slow/)
  })

  t.test('has types that a strict TypeScript project compiles with, the README\'s snippets and the policy of the docs among it', async t => {
    write(ts, {
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true, module: 'nodenext', target: 'es2023', noEmit: true, types: ['node'], exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true
        }
      }),
      'readme-server.ts': completeServer(),
      'readme-client.ts': client(),
      'example-policy.ts': examplePolicy(),
      'scopes.ts': scopesServer(),
      'consumer.ts': consumer
    })
    const { stdout } = await node([join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], ts)
      .catch((error: { stdout: string }) => error)
    t.equal(stdout, '')
  })
})

const consumer = `
import Fastify from 'fastify'
import llmux, { knownRoutes, LlmuxError, ModelNotFoundError, OptionsError } from 'fastify-llmux'
import type { EngineChange, Lease, LlmuxOptions, LlmuxStatus, ModelOptions } from 'fastify-llmux'

const model: ModelOptions = { path: 'org/model', sleepLevel: 2, timeouts: { start: 1_000 } }
const options: LlmuxOptions = {
  models: { a: model, b: { command: ({ path, socket }) => ['vllm', 'serve', path, '--uds', socket ?? ''] } },
  routes: knownRoutes.map(({ path }) => path)
}
const app = Fastify()
await app.register(llmux, options)

app.addHook('preHandler', async request => {
  const model: string | undefined = request.llmux.model
  return void model
})
export const lease: Lease = await app.llmux.acquire('a', { signal: AbortSignal.timeout(1_000) })
export const status: LlmuxStatus = app.llmux.status()
export const states: string[] = status.models.map(({ state }) => state)
app.llmux.events.on('engine', (change: EngineChange) => console.log(change.pid?.toFixed()))
await app.llmux.sleep('a', { level: 3 })

export function explain (error: unknown): string {
  if (error instanceof ModelNotFoundError || error instanceof OptionsError) return error.message
  return error instanceof LlmuxError ? error.code : 'unknown'
}

// @ts-expect-error there are three levels
export const wrongLevel: ModelOptions = { sleepLevel: 4 }
// @ts-expect-error models are required
await app.register(llmux, {})
// @ts-expect-error there is no such event
app.llmux.events.on('nothing', () => {})
// @ts-expect-error an event has the fields that it has
app.llmux.events.on('warning', ({ level }) => level)
// @ts-expect-error it is not for the host to set
app.llmux.events = undefined
`
