import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import { serve } from './child.js'
import { engineCommand } from './programs.js'

const app = Fastify()
await app.register(llmux, { closeWithGrace: false, command: [...engineCommand], models: { awake: {}, asleep: {} } })

/** What any server needs to keep requests waiting: what llmux needs is told against it. @type {((answer: Buffer) => void)[]} */
const held = []
app.post('/hold', () => new Promise(resolve => held.push(resolve)))

const url = await app.listen({ port: 0, host: '127.0.0.1' })
let awakeAt = NaN
let grantedAt = NaN
app.llmux.events.on('engine', ({ model, to }) => { if (model === 'asleep' && to === 'awake') awakeAt = performance.now() })
app.llmux.events.on('request', ({ model, to }) => { if (model === 'asleep' && to === 'granted') grantedAt = performance.now() })

/** @type {import('fastify-llmux').Lease | undefined} */
let lease

serve({
  url: () => url,
  /** Leaves `asleep` asleep, and `awake` in use, so that it stays awake. */
  async prepare () {
    await app.llmux.switchTo('asleep')
    await app.llmux.switchTo('awake')
    lease = await app.llmux.acquire('awake')
  },
  waiting: () => app.llmux.status().waiting,
  held: () => held.length,
  letGo: (/** @type {number} */ bytes) => { for (const resolve of held.splice(0)) resolve(Buffer.alloc(bytes, 'x')) },
  release: () => lease?.release(),
  /** Milliseconds from the wake of the model to the last lease; when its engine saw the first and the last request. */
  async timeline () {
    const granted = grantedAt - awakeAt
    lease = await app.llmux.acquire('asleep')
    const response = await lease.fetch('/bench/arrivals', { method: 'POST' })
    const { count, first, last } = /** @type {{ count: number, first: number, last: number }} */ (await response.json())
    lease.release()
    return { granted, count, arrived: last - (performance.timeOrigin + awakeAt), spread: last - first }
  },
  async memory () {
    // What the first finds may be let go of only in the turns after it.
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const { rss, heapUsed, external } = process.memoryUsage()
    return { rss, used: heapUsed + external }
  }
}, () => app.close())
