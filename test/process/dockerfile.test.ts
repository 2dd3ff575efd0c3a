import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { mockCommand } from '../helpers/mock-engine.ts'
import { plainEnv, startServer } from '../helpers/plain-node.ts'

// The steps of the Dockerfile's first stage, in an empty directory, and the files that its second stage takes. Not the GPU image itself.

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')
const [, first = '', second = ''] = text.split(/^FROM .*$/m)

const home = mkdtempSync(join(tmpdir(), 'llmux-docker-'))
const build = join(home, 'build')
const image = join(home, 'image')

// It downloads and compiles.
t.setTimeout(300_000)
t.teardown(() => rmSync(home, { recursive: true, force: true }))

/** The names of the packages that are installed. */
function packages (directory: string): string[] {
  return readdirSync(directory).filter(name => !name.startsWith('.')).flatMap(name => name.startsWith('@') ? readdirSync(join(directory, name)).map(inner => `${name}/${inner}`) : [name])
}

t.test('the image has what the example app needs, nothing that only development needs, and the app answers', async t => {
  const ignored = new Set(readFileSync(join(root, '.gitignore'), 'utf8').split('\n').map(line => line.replace(/^\/|\/$/g, '')).filter(line => /^[.\w-]+$/.test(line)))
  cpSync(root, build, { recursive: true, filter: source => !['node_modules', 'dist', '.git', ...ignored].some(name => relative(root, source).split('/').includes(name)) })
  const steps = first.split('\n').filter(line => line.startsWith('RUN ')).map(line => line.slice(4))
  t.equal(steps.length, 3, 'install, build, prune')
  for (const step of steps) await run('/bin/sh', ['-c', step], { cwd: build, env: plainEnv, maxBuffer: 10_000_000 })

  mkdirSync(image)
  const copies = [...second.matchAll(/^COPY --from=build \/app\/(\S+)/gm)].map(([, path = '']) => path)
  t.same(copies, ['package.json', 'node_modules', 'dist', 'example-app'])
  for (const path of copies) cpSync(join(build, path), join(image, path), { recursive: true })

  const installed = packages(join(image, 'node_modules'))
  const { devDependencies, dependencies } = JSON.parse(readFileSync(join(image, 'package.json'), 'utf8'))
  t.ok(['fastify', '@fastify/rate-limit', '@fastify/swagger', ...Object.keys(dependencies)].every(name => installed.includes(name)), 'what it imports is there')
  // A dependency of a dependency may be there in its own right.
  for (const name of ['typescript', 'tap', 'vitest', 'esbuild', 'fast-check', 'openai']) t.notOk(installed.includes(name), `no ${name}`)
  t.ok(devDependencies.typescript, 'which development has')
  t.ok(installed.length < 150, `${installed.length} packages`)

  const app = await startServer([join(image, 'example-app/server.js')], {
    env: { PORT: '0', API_KEYS: 'team-a=sk-docker-test-0001', ADMIN_KEY: 'sk-docker-test-0002', LLMUX_VLLM: mockCommand.join(' '), LLMUX_MODELS: '{"a":{}}' }
  })
  t.teardown(() => app.stop())
  const answer = await fetch(`${app.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-docker-test-0001' },
    body: JSON.stringify({ model: 'a', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 })
  })
  t.equal(answer.status, 200)
  t.ok((await answer.json() as { choices: unknown[] }).choices.length === 1)
})
