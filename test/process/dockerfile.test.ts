import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { until } from '../helpers/engine-process.ts'
import { mockCommand } from '../helpers/mock-engine.ts'
import { plainEnv, startServer } from '../helpers/plain-node.ts'
import { findPodman } from '../helpers/podman.ts'

// The steps of the Dockerfile's first stage, in an empty directory, and the files that its second stage takes; where podman
// works, the second stage too, in a root file system of its own: this machine's, of which nothing is written to. Not the GPU image itself.

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')
const [, first = '', second = ''] = text.split(/^FROM .*$/m)
/** What stands behind an instruction of the second stage, each time. */
const said = (instruction: string) => [...second.matchAll(new RegExp(`^${instruction} (.*)$`, 'gm'))].map(([, rest = '']) => rest)
const keys = { API_KEYS: 'team-a=sk-docker-test-0001', ADMIN_KEY: 'sk-docker-test-0002' }

async function ask (url: string): Promise<{ status: number, choices: unknown[] }> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-docker-test-0001' },
    body: JSON.stringify({ model: 'a', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 })
  })
  return { status: answer.status, ...await answer.json() as { choices: unknown[] } }
}

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
    env: { PORT: '0', ...keys, LLMUX_VLLM: mockCommand.join(' '), LLMUX_MODELS: '{"a":{}}' }
  })
  t.teardown(() => app.stop())
  t.match(await ask(app.url), { status: 200, choices: [{}] })
})

t.test('in a root file system, as the user that it makes: it answers, writes nothing but its home, and ends in order', async t => {
  const podman = await findPodman()
  if (podman === undefined) return t.pass('there is no podman that works here')
  const port = await freePort()
  const words = (list = '') => (JSON.parse(list) as string[]).map(word => `'${word}'`).join(' ')
  const [user = ''] = said('USER')
  const [health = ''] = said('HEALTHCHECK .* CMD')
  const script = [
    // Of the base image, and of that which `node` comes from.
    'printf \'#!/bin/sh\\nexec node /mock/bin.js "$@"\\n\' > /usr/local/bin/vllm && chmod 755 /usr/local/bin/vllm',
    'cp "$(command -v node)" /usr/local/bin/.node && mv /usr/local/bin/.node /usr/local/bin/node',
    ...said('RUN'),
    ...said('ENV').map(pairs => `export ${pairs}`),
    `export PORT=${port} HOST=127.0.0.1 HOME=/home/${user} LLMUX_MODELS='{"a":{}}'`,
    'cd /app && touch /tmp/built && echo "the image is made"',
    `exec setpriv --reuid ${user} --regid ${user} --init-groups ${words(said('ENTRYPOINT')[0])} ${words(said('CMD')[0])}`
  ].join('\n')
  const container = podman.start(['--volume', `${image}:/app`, '--volume', `${join(root, 'mock-vllm')}:/mock:ro`, ...Object.entries(keys).flatMap(([name, value]) => ['--env', `${name}=${value}`])], ['/bin/sh', '-ec', script])
  t.teardown(() => container.remove())
  await until('it listens', () => container.said.includes('Server listening') || container.code !== undefined, 240_000)
  t.equal(container.code, undefined, container.said.slice(-2_000))

  const probe = ['/bin/sh', '-c', `PORT=${port} ${words(health)}`]
  t.equal(await container.run(probe).then(() => 'healthy'), 'healthy')
  t.match(await ask(`http://127.0.0.1:${port}`), { status: 200, choices: [{}] })
  const processes = (await container.run(['ps', '-eo', 'pid=,user=,args='])).split('\n').map(line => line.trim().split(/\s+/)).filter(([, , command]) => command !== undefined && command !== 'ps')
  t.equal(processes[0]?.[2], '/usr/bin/tini', 'the init is the first process')
  t.ok(processes.some(line => line.join(' ').includes('/mock/bin.js')), 'an engine runs')
  t.same([...new Set(processes.map(([, name]) => name))], [user], 'and nothing as root')
  // Without what belongs to this machine alone.
  const folders = ['/app', '/bin', '/etc', '/home', '/opt', '/sbin', '/srv', '/usr', '/var']
  const owned = (await container.run(['find', ...folders, '-xdev', '-user', user])).split('\n').filter(path => path !== '' && !path.startsWith(`/home/${user}`) && !path.endsWith(`/mail/${user}`))
  t.same(owned, [], 'only its home is its own')
  await t.rejects(container.run(['setpriv', '--reuid', user, '--regid', user, '--init-groups', 'touch', '/app/x']), /Permission denied/)
  const later = (await container.run(['find', '/app', '/etc', '/usr', '-newer', '/tmp/built', '-type', 'f'])).split('\n').filter(Boolean)
  t.same(later, [], 'the app has written nothing there')
  t.equal(await container.stop(), 0)
})

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
