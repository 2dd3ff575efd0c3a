import { setTimeout as delay } from 'node:timers/promises'
import { randomFrom } from './random.js'

/** Switches that nobody waits for have ids of requests that begin like this. */
export const byHand = 'by-hand-'

/**
 * Puts whoever is awake to sleep again and again, whatever the policy would do: an order by hand freezes requests in flight at once.
 * @param {import('fastify-llmux').Llmux} llmux @param {import('./plan.js').StormOptions} options
 */
export async function freezeAtRandom (llmux, { seed, seconds, models }) {
  const random = randomFrom(seed + 1e6)
  const end = performance.now() + seconds * 1_000
  for (let number = 0; performance.now() < end; number++) {
    await delay(random.between(100, 900))
    // An engine that is killed meanwhile fails it; what becomes of requests then is looked at where they end.
    llmux.switchTo(`model-${Math.floor(random.next() * models)}`, { request: `${byHand}${number}` }).catch(() => {})
  }
}

/** What an engine may be doing while it holds frozen requests. */
const holding = new Set(['sleeping', 'asleep', 'waking', 'stopping'])

/**
 * Follows every lease by its events, and compares after each of them what the gateway says of those that are frozen.
 * @param {import('fastify-llmux').Llmux} llmux
 * @returns {{ faults: string[], count: number }} `count`: how often a request was frozen
 */
export function watchFrozen (llmux) {
  const seen = { faults: /** @type {string[]} */ ([]), count: 0 }
  /** @type {Map<number, { model: string, state: string }>} */
  const requests = new Map()
  const fault = (/** @type {string} */ text) => { if (!seen.faults.includes(text)) seen.faults.push(text) }
  llmux.events.on('request', ({ id, model, from, to, error }) => {
    const known = requests.get(id)
    if (from !== 'arrived' && known?.state !== from) fault(`request ${id} went from ${from} to ${to}, but was ${known?.state}`)
    if (to === 'frozen' && from !== 'granted') fault(`request ${id} was frozen while it was ${from}`)
    if (/** @type {{ code?: string } | undefined} */ (error)?.code === 'LLMUX_ERR_DRAIN_TIMEOUT') fault(`request ${id} for ${model} was cut to make room`)
    if (to === 'frozen') seen.count++
    if (['queued', 'granted', 'frozen'].includes(to)) requests.set(id, { model, state: to })
    else requests.delete(id)
  })
  let due = false
  // When all that belongs to an event has happened, and before the next one can.
  llmux.events.onEvery(() => {
    if (due) return
    due = true
    setImmediate(() => {
      due = false
      for (const { name, state, frozen, inFlight } of llmux.status().models) {
        const own = [...requests.values()].filter(request => request.model === name && request.state === 'frozen').length
        if (own !== frozen) fault(`${name} says that ${frozen} requests are frozen, and ${own} are`)
        if (frozen > 0 && inFlight > 0) fault(`${name} works on ${inFlight} requests while ${frozen} are frozen`)
        if (frozen > 0 && !holding.has(state)) fault(`${name} is ${state} while ${frozen} requests are frozen`)
      }
    })
  })
  return seen
}
