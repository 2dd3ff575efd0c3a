import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import llmux from '../../lib/index.ts'
import type { LlmuxOptions, ModelOptions } from '../../lib/index.ts'
import { makeGpu, mockCommand } from './mock-engine.ts'
import type { MockGpu } from './mock-engine.ts'

export interface TestGateway {
  app: FastifyInstance
  gpu: MockGpu
  url: string
  /** Posts JSON to a route of the gateway. */
  post (path: string, body: unknown, init?: RequestInit): Promise<Response>
  chat (model: string, content: string, more?: object, init?: RequestInit): Promise<Response>
  close (): Promise<void>
}

export interface TestGatewayOptions extends Omit<LlmuxOptions, 'models'> {
  /** By name, or just names. */
  models: Record<string, ModelOptions> | string[]
  /** The simulated GPUs. Default: one of its own. */
  gpu?: MockGpu
  /** Flags of all the mocks: `{ 'token-ms': 5 }`. */
  mock?: Record<string, string | number>
  server?: FastifyServerOptions
  /** Called before the plugin is registered: the host's own hooks and plugins. */
  before?: (app: FastifyInstance) => unknown
  after?: (app: FastifyInstance) => unknown
}

/** A gateway in this process, listening on a port of its own, in front of mock engines that share one simulated GPU. */
export async function startGateway ({ models, gpu = makeGpu(), mock = {}, server, before, after, ...options }: TestGatewayOptions): Promise<TestGateway> {
  const flags = Object.entries(mock).flatMap(([name, value]) => [`--mock-${name}`, String(value)])
  const named: Record<string, ModelOptions> = Array.isArray(models) ? Object.fromEntries(models.map(name => [name, {}])) : models
  const app = Fastify(server)
  await before?.(app)
  await app.register(llmux, {
    command: [...mockCommand],
    closeWithGrace: false,
    gpuMemoryCommand: [...gpu.command, '--processes'],
    // Most tests are about what becomes of a request, not about when a switch is worth while: this one switches at once.
    policy: 'fifo',
    ...options,
    models: Object.fromEntries(Object.entries(named).map(([name, model]) => [name, {
      ...model,
      // A server that runs elsewhere is no mock of ours.
      ...(model.url === undefined && { args: [...flags, ...model.args ?? []], env: { ...gpu.env, ...model.env } })
    }]))
  })
  await after?.(app)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const post: TestGateway['post'] = (path, body, init = {}) => fetch(url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers as Record<string, string> }
  })
  return {
    app,
    gpu,
    url,
    post,
    chat: (model, content, more = {}, init) => post('/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more }, init),
    async close () {
      await app.close()
      gpu.remove()
    }
  }
}
