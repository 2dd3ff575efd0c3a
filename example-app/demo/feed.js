/**
 * @typedef {{ name: 'engine', model: string, from: string, to: string, duration: number, reason: string }} EngineEvent
 * @typedef {{ name: 'transition', model: string, from: string, to: string, evict: string[], reason: string }} TransitionEvent
 * @typedef {{ name: 'request', id: number, model: string, from: string, to: string, reason: string }} RequestEvent
 * @typedef {(EngineEvent | TransitionEvent | RequestEvent) & { time: number }} GatewayEvent
 */

/**
 * Reads the gateway's /admin/events. Resolves when the feed is open.
 * @param {string} origin
 * @param {string} adminKey
 * @param {(event: GatewayEvent) => void} onEvent
 */
export async function readFeed (origin, adminKey, onEvent) {
  const response = await fetch(`${origin}/admin/events`, { headers: { authorization: `Bearer ${adminKey}` } })
  if (response.body === null || !response.ok) throw new Error(`/admin/events: ${response.status}`)
  // If it breaks, the gateway has died, and the clients notice.
  consume(response.body.pipeThrough(new TextDecoderStream()), onEvent).catch(() => {})
}

/** @param {ReadableStream<string>} chunks @param {(event: GatewayEvent) => void} onEvent */
async function consume (chunks, onEvent) {
  let rest = ''
  for await (const chunk of chunks) {
    const messages = (rest + chunk).split('\n\n')
    rest = messages.pop() ?? ''
    for (const message of messages) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/m.exec(message) ?? []
      if (data !== undefined) onEvent({ name, ...JSON.parse(data) })
    }
  }
}
