import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

/** @typedef {import('fastify-llmux').ModelOptions & { mock?: string[], faults?: Record<string, string> }} Model */

export const key = 'sk-test'
const mock = fileURLToPath(new URL('../../mock-vllm/bin.js', import.meta.url))

/** What each is there for is said in steps.js. Nearly all have GPUs of their own. @type {Record<string, Model>} */
const models = {
  plain: {},
  slow: { mock: ['--mock-token-ms', '20'] },
  breaks: { faults: { stream: 'die@5' } },
  'engine-500': { faults: { request: '500' } },
  dies: { faults: { request: 'die' } },
  // Where somebody would have to go for it, it is looked at beforehand.
  'not-startable': { command: 'no-such-vllm', gpus: [0] },
  'not-there': { command: 'no-such-vllm' },
  'start-dies': { faults: { start: 'exit@1/10' } },
  'start-dies-once': { faults: { start: 'exit@1/10*1' } },
  waits: { mock: ['--mock-start-ms', '700'] },
  'start-hangs': { faults: { start: 'hang' }, timeouts: { start: 500 } },
  'queue-timeout': { faults: { start: 'hang' }, timeouts: { queue: 300 } },
  goes: { gpus: [100], mock: ['--mock-token-ms', '20'], freeze: false, timeouts: { drain: 300 } },
  comes: { gpus: [100] },
  pauses: { gpus: [101], mock: ['--mock-token-ms', '20'] },
  meanwhile: { gpus: [101] },
  occupier: { faults: { start: 'hang' } },
  'queue-full': {},
  busy: {},
  closing: { faults: { start: 'hang' } }
}

/** A gateway in front of mocks, one for each client: some of what is in store for them happens once. */
export async function startGateway () {
  const dir = mkdtempSync(join(tmpdir(), 'llmux-clients-'))
  const app = Fastify()
  /** @type {{ model: string | undefined, status: number }[]} */
  const answers = []
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization === `Bearer ${key}`) return
    return reply.code(401).send({ error: { message: 'this key is not known here', type: 'invalid_request_error', param: null, code: 'invalid_api_key' } })
  })
  app.addHook('onResponse', async (request, reply) => { answers.push({ model: request.llmux?.model, status: reply.statusCode }) })
  stageEvents(app)
  await app.register(llmux, {
    command: [process.execPath, mock],
    closeWithGrace: false,
    gpuMemoryCommand: false,
    bodyLimit: 1024 ** 2,
    maxQueue: 1,
    heartbeat: 100,
    timeouts: { stop: 2_000, grace: 2_000 },
    models: Object.fromEntries(Object.entries(models).map(([name, model], index) => [name, optionsOf(name, model, index, dir)]))
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    app,
    url,
    answers,
    records: (/** @type {string} */ model) => readFileSync(join(dir, model, 'records.jsonl'), 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line)),
    async close () {
      await app.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

/** @param {string} name @param {Model} model @param {number} index @param {string} dir */
function optionsOf (name, { mock: flags = [], faults = {}, ...model }, index, dir) {
  const gpu = join(dir, name)
  mkdirSync(join(gpu, 'faults'), { recursive: true })
  // Read by the mock as it starts, and counted down from start to start.
  writeFileSync(join(gpu, 'faults', `${name}.json`), JSON.stringify(faults))
  return { gpus: [index], args: ['--mock-memory-lag', '0', ...flags], env: { MOCK_VLLM_GPU: gpu }, ...model }
}

/** What is to happen because a request has come: another model's turn, a full queue, the server's end. @param {import('fastify').FastifyInstance} app */
function stageEvents (app) {
  /** @type {AbortController | undefined} */
  let occupied
  app.addHook('preHandler', async request => {
    const { model } = request.llmux
    if (model === 'goes') whenGranted(app, 'goes', () => app.llmux.switchTo('comes'))
    if (model === 'pauses') whenGranted(app, 'pauses', () => app.llmux.switchTo('meanwhile'))
    if (model === 'closing') setTimeout(() => app.close(), 300)
    if ((model === 'queue-full' || model === 'busy') && occupied === undefined) {
      occupied = new AbortController()
      // Given up as soon as the one who was to meet a full queue has met it.
      app.llmux.acquire('occupier', { signal: occupied.signal }).catch(() => {})
    }
  })
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode !== 429) return
    occupied?.abort()
    if (request.llmux.model === 'queue-full') occupied = undefined
  })
}

/** @param {import('fastify').FastifyInstance} app @param {string} name @param {() => Promise<void>} act */
function whenGranted (app, name, act) {
  const listener = (/** @type {import('fastify-llmux').RequestChange} */ { model, to }) => {
    if (model !== name || to !== 'granted') return
    app.llmux.events.off('request', listener)
    act().catch(error => app.log.error(error))
  }
  app.llmux.events.on('request', listener)
}
