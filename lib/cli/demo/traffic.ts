import type { FastifyInstance } from 'fastify'

/** The most requests that the demo has in flight and waiting: it is a demonstration, not a load test. */
const most = 40

/** Mean milliseconds between the requests for each model, in the order of the models; the last is requested rarely, and fails. */
const gaps = [2_500, 4_000, 15_000, 90_000]

/** In a storm, every few minutes, requests arrive this many times as often. */
const storm = { every: 180_000, lasts: 30_000, factor: 8 }

/** Sends requests for short and long answers until the gateway closes. */
export function makeTraffic (app: FastifyInstance, models: readonly string[], key: string | undefined): void {
  const controller = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  const begin = performance.now()
  let url = ''
  let open = 0
  app.addHook('preClose', async () => {
    controller.abort()
    timers.forEach(clearTimeout)
  })
  const ask = async (model: string) => {
    open++
    // The page shows the outcome.
    await request(url, model, key, controller.signal).catch(() => {})
    open--
  }
  const next = (model: string, gap: number) => {
    const stormy = (performance.now() - begin) % storm.every > storm.every - storm.lasts
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (open < most) ask(model)
      next(model, gap)
    }, -Math.log(1 - Math.random()) * gap / (stormy ? storm.factor : 1))
    timers.add(timer)
  }
  app.addHook('onListen', async () => {
    url = app.listeningOrigin
    models.forEach((model, index) => next(model, gaps[index] ?? 10_000))
  })
}

async function request (url: string, model: string, key: string | undefined, signal: AbortSignal): Promise<void> {
  const long = Math.random() < 0.15
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'A question of the demo' }], max_tokens: Math.round((long ? 250 : 30) * (0.5 + Math.random())), stream: true }),
    signal
  })
  await response.text()
}
