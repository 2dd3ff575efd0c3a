import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Registry } from 'prom-client'
import { keyTest } from '../admin/guard.ts'
import admin from '../admin/index.ts'
import { CrossSiteError, OptionsError, UnauthorizedError } from '../errors.ts'
import metrics from '../metrics/index.ts'
import page from '../page/index.ts'

const adminPrefix = '/admin'

export interface OperateOptions {
  /** The address that the server listens on. */
  host: string
  adminKey: string | undefined
  metricsKey: string | undefined
}

/** Whether a route has a guard of its own: then the models' keys are not required and do not open it. */
export function isOperators (route: string): boolean {
  return route === '/' || route === '/metrics' || route === '/session' || route.startsWith('/page/') || route.startsWith(`${adminPrefix}/`)
}

/**
 * Adds the operators' routes. Returns a function to call with the address once the server listens: the log then says where
 * the page is.
 */
export async function operate (app: FastifyInstance, { host, adminKey, metricsKey }: OperateOptions): Promise<(url: string) => void> {
  for (const [name, key] of Object.entries({ adminKey, metricsKey })) {
    if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) throw new OptionsError(`server.${name}`, 'must be a key without spaces')
  }
  const registry = new Registry()
  await app.register(metrics, { registry })
  const keys = [adminKey, metricsKey].filter(key => key !== undefined)
  const local = isLoopback(host)
  if (keys.length > 0 || local) metricsRoute(app, registry, keys)
  if (adminKey === undefined && !local) {
    return () => app.log.warn('no page and no operators\' routes: without a key (LLMUX_ADMIN_KEY) only a server on 127.0.0.1 has them')
  }
  const guard = adminKey ?? thisMachine
  await app.register(admin, { prefix: adminPrefix, guard, registry })
  await app.register(page, { guard, admin: adminPrefix })
  return url => app.log.info(`the page is at ${url}/${adminKey === undefined ? ': no key is set (LLMUX_ADMIN_KEY), so everyone on this machine may do everything' : ''}`)
}

function metricsRoute (app: FastifyInstance, registry: Registry, keys: string[]): void {
  const tests = keys.map(keyTest)
  app.get('/metrics', async ({ headers: { authorization = '' } }, reply) => {
    const [, given = ''] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
    // Compares with all keys, so that the time taken reveals nothing.
    if (tests.length > 0 && !tests.map(isKey => isKey(given)).includes(true)) throw new UnauthorizedError()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/

function isLoopback (host: string): boolean {
  return loopback.test(host)
}

/** Checks `Host`: a page whose name resolves to this machine must not call the gateway through a browser here. */
async function thisMachine ({ host }: FastifyRequest): Promise<void> {
  if (!isLoopback(host.replace(/:\d+$/, ''))) throw new CrossSiteError()
}
