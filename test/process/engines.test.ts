import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { EngineAdapter, ModelOptions } from '../../lib/index.ts'
import { readConfigText } from '../../lib/cli/config/read.ts'
import { EngineProcess, freePort, groupMembers, until } from '../helpers/engine-process.ts'
import { startGateway, type TestGateway } from '../helpers/gateway.ts'
import { statusOf } from '../helpers/gateway-view.ts'
import { mockCommand } from '../helpers/mock-engine.ts'

// What every adapter is asked: two models of its engine on one GPU, through the whole gateway.

const standIn = (kind: string) => ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, fileURLToPath(new URL('../helpers/stand-in-engine.js', import.meta.url)), kind]

/** The adapter that docs/engines.md shows. */
async function documented (): Promise<EngineAdapter> {
  const text = readFileSync(new URL('../../docs/engines.md', import.meta.url), 'utf8')
  const [, code = ''] = /```js\n([^]*?)```/.exec(text) ?? []
  const adapter = code.slice(code.indexOf('const '), code.indexOf('const app'))
  t.ok(code.trimEnd().split('\n').length <= 30, 'it has no more than 30 lines')
  return (await import(`data:text/javascript,${encodeURIComponent(`${adapter}\nexport default llamaCppPython`)}`)).default
}

interface Kind {
  title: string
  model: (port: number) => ModelOptions
  /** The state of the one that has made way. */
  aside: { state: string, level?: number }
  /** What it says it is. */
  says: (name: string) => string
}

const kinds: Kind[] = [
  { title: 'vllm', model: () => ({}), aside: { state: 'asleep', level: 1 }, says: name => `engine=${name}` },
  { title: 'llama.cpp', model: () => ({ engine: 'llama.cpp', command: standIn('llama.cpp') }), aside: { state: 'stopped' }, says: name => `llama.cpp ${name}` },
  { title: 'llama.cpp on a port', model: port => ({ engine: 'llama.cpp', command: standIn('llama.cpp'), port }), aside: { state: 'stopped' }, says: name => `llama.cpp ${name}` },
  { title: 'sglang at level 1', model: port => ({ engine: 'sglang', command: standIn('sglang'), port, warmup: true }), aside: { state: 'asleep', level: 1 }, says: name => `sglang ${name}` },
  { title: 'sglang at level 2', model: port => ({ engine: 'sglang', command: standIn('sglang'), port, sleepLevel: 2 }), aside: { state: 'asleep', level: 2 }, says: name => `sglang ${name}` },
  { title: 'sglang at level 3', model: port => ({ engine: 'sglang', command: standIn('sglang'), port, sleepLevel: 3 }), aside: { state: 'stopped' }, says: name => `sglang ${name}` },
  { title: 'openai on a socket', model: () => ({ engine: 'openai', command: [...standIn('openai'), '--socket', '{socket}', '--name', '{name}'] }), aside: { state: 'stopped' }, says: name => `openai ${name}` },
  { title: 'openai on a port', model: port => ({ engine: 'openai', command: [...standIn('openai'), '--port', '{port}', '--name={name}', '--name', '{name}', '--model', '{path}'], port }), aside: { state: 'stopped' }, says: name => `openai ${name}` }
]

async function start (t: Test, models: Record<string, ModelOptions>): Promise<TestGateway> {
  const gateway = await startGateway({ models })
  t.teardown(() => gateway.close())
  return gateway
}

const two = async (model: Kind['model']) => ({ a: model(await freePort()), b: model(await freePort()) })
const contentOf = async (answer: Response) => (await answer.json() as any).choices[0].message.content as string

async function takesTurns (t: Test, { model, aside, says }: Omit<Kind, 'title'>) {
  const gateway = await start(t, await two(model))
  const pids = new Set<number>()
  for (const name of ['a', 'b', 'a', 'b']) {
    const other = name === 'a' ? 'b' : 'a'
    t.match(await contentOf(await gateway.chat(name, 'hello')), says(name))
    if (statusOf(gateway, other).state !== 'stopped' || pids.size > 0) t.match(statusOf(gateway, other), aside)
    const stream = await (await gateway.chat(name, 'hello', { stream: true })).text()
    t.match(stream, '"finish_reason":"stop"')
    t.match(stream, /data: \[DONE\]\s*$/)
    pids.add(statusOf(gateway, name).pid!)
  }
  await gateway.app.close()
  for (const pid of pids) t.same(await groupMembers(pid), [], 'nothing is left')
}

for (const { title, ...kind } of kinds) {
  t.test(`${title}: models take turns, and nothing is left`, async t => await takesTurns(t, kind))

  t.test(`${title}: one that is killed is started again for the next request`, async t => {
    const gateway = await start(t, await two(kind.model))
    await gateway.chat('a', 'hello')
    const { pid } = statusOf(gateway, 'a')
    process.kill(-pid!, 'SIGKILL')
    await until('its death is known', () => statusOf(gateway, 'a').state !== 'awake')
    t.match(await contentOf(await gateway.chat('a', 'hello')), kind.says('a'))
    t.not(statusOf(gateway, 'a').pid, pid)
  })
}

t.test('an adapter of your own, as in docs/engines.md', async t => {
  const engine = await documented()
  await takesTurns(t, { model: port => ({ engine, command: standIn('openai'), args: ['--name', 'mine'], port }), aside: { state: 'stopped' }, says: () => 'openai mine' })
})

t.test('different engines take turns on one GPU', async t => {
  const gateway = await start(t, { big: {}, small: { engine: 'llama.cpp', command: standIn('llama.cpp') } })
  for (let round = 0; round < 3; round++) {
    t.match(await contentOf(await gateway.chat('big', 'hello')), 'engine=big')
    t.match(await contentOf(await gateway.chat('small', 'hello')), 'llama.cpp small')
    t.match(statusOf(gateway, 'big'), { state: 'asleep', level: 1 })
  }
  t.equal((await gateway.post('/v1/embeddings', { model: 'small', input: 'x' })).status, 200)
})

t.test('a configuration of llama-swap is served as it is', async t => {
  const text = `
startPort: ${await freePort()}
macros:
  server: |
    ${standIn('llama.cpp').join(' ')}
    --port \${PORT}
models:
  one:
    cmd: |
      # a comment
      \${server} --alias \${MODEL_ID}
    aliases: [uno]
`
  const { options, shape } = readConfigText(text, 'swap.yaml')
  t.equal(shape, 'llama-swap')
  const gateway = await start(t, options.models)
  t.match(await contentOf(await gateway.chat('uno', 'hello')), 'llama.cpp one')
})

t.test('a route that an engine does not have is refused, and nobody is woken for it', async t => {
  const gateway = await start(t, { a: { engine: 'llama.cpp', command: standIn('llama.cpp') } })
  const answer = await gateway.post('/v1/score', { model: 'a', text_1: 'x', text_2: 'y' })
  t.equal(answer.status, 404)
  t.match(await answer.json(), { error: { code: 'LLMUX_ERR_ROUTE_NOT_SERVED', message: /`a`.*\/v1\/score.*llama\.cpp/ } })
  t.equal(statusOf(gateway, 'a').state, 'stopped')
})

t.test('a path and arguments that only the engine can judge are left to it', async t => {
  const port = await freePort()
  const gateway = await start(t, {
    llama: { engine: 'llama.cpp', command: standIn('llama.cpp'), path: 'missing.gguf' },
    sglang: { engine: 'sglang', command: standIn('sglang'), args: ['--model-path-of', '/nowhere'], port }
  })
  t.match(await contentOf(await gateway.chat('llama', 'x')), 'llama.cpp llama', 'a relative path is for the engine to judge')
  t.match(await contentOf(await gateway.chat('sglang', 'x')), 'sglang sglang')
  t.match(statusOf(gateway, 'sglang').lastLines.join('\n'), 'ready to roll')
})

t.test('a server that always runs elsewhere serves beside the models of this machine, and outlives the gateway', async t => {
  const port = await freePort()
  const neighbour = async () => await EngineProcess.start({ command: mockCommand, model: 'far', listen: { port }, env: { VLLM_API_KEY: 'their-key' } })
  let server = await neighbour()
  t.teardown(() => server.destroy())
  const far: ModelOptions = { engine: 'openai', url: `http://127.0.0.1:${port}`, apiKey: 'their-key', timeouts: { start: 1_500 } }
  const gateway = await start(t, { a: {}, far })
  t.equal((await gateway.chat('a', 'x')).status, 200)
  t.equal((await gateway.chat('far', 'x')).status, 200)
  t.match(statusOf(gateway, 'far'), { state: 'awake', gpus: [], pid: undefined })
  t.equal(statusOf(gateway, 'a').state, 'awake', 'no model of this machine makes room for it')
  await gateway.app.llmux.switchTo('a')
  t.equal(statusOf(gateway, 'far').state, 'awake')

  await server.destroy()
  const refused = await gateway.chat('far', 'x')
  t.equal(refused.status, 503)
  t.match((await refused.json() as any).error.code, /^LLMUX_ERR_/)
  t.equal((await gateway.chat('a', 'x')).status, 200)
  server = await neighbour()
  await gateway.app.llmux.switchTo('far')
  t.match(await (await gateway.chat('far', 'hello', { stream: true })).text(), /data: \[DONE\]\s*$/)
  await gateway.app.close()
  t.ok(await server.isHealthy(), 'it is not the gateway\'s to end')
})

t.test('a command ends what a signal does not', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  // The engine leaves the process group, as a container does, and what was started ends with it.
  const script = `setsid -w "$@" & echo $! > ${folder}/first; setsid true; trap '' TERM; wait; wait`
  const stop = `for pid in $(cat ${folder}/first) $(cat /proc/$(cat ${folder}/first)/task/*/children); do kill -9 $pid; done`
  const gateway = await start(t, {
    a: {
      engine: 'openai',
      command: ['/bin/sh', '-c', script, 'sh', ...standIn('openai'), '--socket', '{socket}', '--name', '{name}'],
      stopCommand: ['/bin/sh', '-c', stop]
    },
    b: {}
  })
  t.match(await contentOf(await gateway.chat('a', 'hello')), 'openai a')
  t.match(await contentOf(await gateway.chat('b', 'hello')), 'engine=b')
  t.match(statusOf(gateway, 'a'), { state: 'stopped' })
  t.notOk(existsSync(`/proc/${readFileSync(join(folder, 'first'), 'utf8').trim()}`))
})
