import Fastify from 'fastify'
import llmux from 'fastify-llmux'
import admin from 'fastify-llmux/admin'
import { options, serve } from './child.js'
import { engineCommand } from './programs.js'

const { guard = false } = options()
const app = Fastify()
await app.register(llmux, { closeWithGrace: false, command: [...engineCommand], models: { awake: {}, asleep: {} } })
await app.register(admin, { prefix: '/admin', guard })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

/** @type {import('fastify-llmux').Lease | undefined} */
let lease
/** @type {AbortController[]} */
let queued = []

serve({
  url: () => url,
  async prepare () {
    await app.llmux.switchTo('awake')
    lease = await app.llmux.acquire('awake')
  },
  /** @param {number} count */
  queue (count) {
    queued = Array.from({ length: count }, () => new AbortController())
    for (const { signal } of queued) app.llmux.acquire('asleep', { signal }).catch(() => {}) // given up below
  },
  leave () {
    queued.forEach(controller => controller.abort())
    queued = []
  },
  /** Milliseconds of processor time. */
  cpu () {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  },
  waiting: () => app.llmux.status().waiting
}, async () => {
  lease?.release()
  await app.close()
})
