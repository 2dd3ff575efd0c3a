import type { TestGateway } from './gateway.ts'
import { until } from './engine-process.ts'
import type { LlmuxEventMap, LlmuxEvents } from '../../lib/index.ts'

/** One request as it arrived at a mock. */
export interface SeenRequest {
  method: string
  url: string
  /** names in lower case; repeated ones joined with a comma */
  headers: Record<string, string>
  body: Buffer
}

const ours = /^\/(health|version|is_sleeping|sleep|wake_up|collective_rpc|reset_prefix_cache|mock\/)/

/** The requests of clients that reached a model's engine in its present life, oldest first. Makes the model awake. */
export async function requestsSeenBy ({ app }: Pick<TestGateway, 'app'>, model: string): Promise<SeenRequest[]> {
  const lease = await app.llmux.acquire(model)
  try {
    const answer = await lease.fetch('/mock/requests')
    const seen = await answer.json() as Array<{ method: string, url: string, headers: string[], base64: string }>
    return seen.reverse().filter(({ url }) => !ours.test(url)).map(({ method, url, headers, base64 }) => ({
      method, url, headers: headerObject(headers), body: Buffer.from(base64, 'base64')
    }))
  } finally {
    lease.release()
  }
}

export async function lastRequestSeenBy (gateway: Pick<TestGateway, 'app'>, model: string): Promise<SeenRequest> {
  const last = (await requestsSeenBy(gateway, model)).at(-1)
  if (last === undefined) throw new Error(`no request has reached ${model}`)
  return last
}

function headerObject (raw: string[]): Record<string, string> {
  const result: Record<string, string> = {}
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase()
    result[name] = name in result ? `${result[name]}, ${raw[index + 1]}` : raw[index + 1]!
  }
  return result
}

/** What the server says of one model. */
export function statusOf ({ app }: Pick<TestGateway, 'app'>, name: string) {
  return app.llmux.status().models.find(model => model.name === name)!
}

/** Waits until nobody waits and nobody is served. */
export async function nobodyServed ({ app }: Pick<TestGateway, 'app'>): Promise<void> {
  await until('nobody waits and nobody is served', () => {
    const { waiting, waitingBytes, models } = app.llmux.status()
    return waiting === 0 && waitingBytes === 0 && models.every(model => model.inFlight === 0 && model.waiting === 0 && model.frozen === 0)
  })
}

/** The next event of that name that is as wanted. */
export function nextEvent<Name extends keyof LlmuxEventMap> (
  events: LlmuxEvents, name: Name, wanted: (change: LlmuxEventMap[Name][0]) => boolean
): Promise<LlmuxEventMap[Name][0]> {
  return new Promise(resolve => {
    const look = (change: any) => {
      if (!wanted(change)) return
      events.off(name, look as never)
      resolve(change)
    }
    events.on(name, look as never)
  })
}
