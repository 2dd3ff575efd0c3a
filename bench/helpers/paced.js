import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { serve } from './child.js'

serve({
  /**
   * So many requests a second, whatever becomes of those before. Milliseconds that each took.
   * @param {{ url: string, perSecond: number, seconds: number }} options
   */
  async send ({ url, perSecond, seconds }) {
    const pool = new Pool(url, { connections: 64 })
    const body = JSON.stringify({ model: 'awake', prompt: 'x'.repeat(1_500) })
    /** @type {number[]} */
    const took = []
    const one = async () => {
      const begin = performance.now()
      const answer = await pool.request({ path: '/v1/completions', method: 'POST', headers: { 'content-type': 'application/json', 'x-bench': '{"bytes":2048}' }, body })
      await answer.body.arrayBuffer()
      took.push(performance.now() - begin)
    }
    const begin = performance.now()
    const all = []
    for (let index = 0; index < perSecond * seconds; index++) {
      const wait = begin + index * 1_000 / perSecond - performance.now()
      if (wait > 1) await delay(wait)
      all.push(one())
    }
    await Promise.all(all)
    await pool.close()
    return took
  }
})
