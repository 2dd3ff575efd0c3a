import { setMaxListeners } from 'node:events'
import { request } from 'undici'
import { serve } from './child.js'

/*
 * What so many open pages ask of the gateway: the stream of events that they name, and how things stand once a second.
 */

const names = 'engine,transition,response,progress,control,models'
/** @type {AbortController} */
let controller = new AbortController()
let bytes = 0
let overviews = 0

/** @param {string} url */
async function watch (url) {
  const { body } = await request(`${url}/admin/events?names=${names}`, { signal: controller.signal })
  for await (const chunk of body) bytes += chunk.length
}

/** @param {string} url */
async function look (url) {
  const { body } = await request(`${url}/admin/overview`, { signal: controller.signal })
  bytes += (await body.arrayBuffer()).byteLength
  overviews++
}

serve({
  /** @param {string} url @param {number} count */
  open (url, count) {
    controller = new AbortController()
    const { signal } = controller
    setMaxListeners(0, signal)
    bytes = overviews = 0
    for (let index = 0; index < count; index++) {
      watch(url).catch(() => {}) // it ends when the page is closed
      const timer = setInterval(() => look(url).catch(() => {}), 1_000)
      signal.addEventListener('abort', () => clearInterval(timer))
    }
  },
  close () {
    controller.abort()
    return { bytes, overviews }
  }
})
