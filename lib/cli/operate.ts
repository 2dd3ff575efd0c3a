import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Registry } from 'prom-client'
import { keyTest } from '../admin/guard.ts'
import admin from '../admin/index.ts'
import { CrossSiteError, OptionsError, UnauthorizedError } from '../errors.ts'
import metrics from '../metrics/index.ts'
import page from '../page/index.ts'

const adminPrefix = '/admin'

export interface OperateOptions {
  /** The address that is listened on. */
  host: string
  adminKey: string | undefined
  metricsKey: string | undefined
}

/** Whether a route has a guard of its own, so that the models' keys do not open it and are not asked for. */
export function isOperators (route: string): boolean {
  return route === '/' || route === '/metrics' || route === '/session' || route.startsWith('/page/') || route.startsWith(`${adminPrefix}/`)
}

/** Adds what the operators need. Returns what to call with the address once it is listened on: the log then says where the page is. */
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
    return () => app.log.warn('no page and no operators\' routes: they are open to this machine only, until there is a key (LLMUX_ADMIN_KEY)')
  }
  const guard = adminKey ?? thisMachine
  await app.register(admin, { prefix: adminPrefix, guard, registry })
  await app.register(page, { guard, admin: adminPrefix })
  return url => app.log.info(`the page is at ${url}/${adminKey === undefined ? ': no key is set, and whoever is on this machine may do everything (LLMUX_ADMIN_KEY)' : ''}`)
}

function metricsRoute (app: FastifyInstance, registry: Registry, keys: string[]): void {
  const tests = keys.map(keyTest)
  app.get('/metrics', async ({ headers: { authorization = '' } }, reply) => {
    const [, given = ''] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
    // All of them, so that the time taken says nothing about which is which.
    if (tests.length > 0 && !tests.map(isKey => isKey(given)).includes(true)) throw new UnauthorizedError()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/

function isLoopback (host: string): boolean {
  return loopback.test(host)
}

/** A page that has its own name point here would have a browser on this machine call us by that name. */
async function thisMachine ({ host }: FastifyRequest): Promise<void> {
  if (!isLoopback(host.replace(/:\d+$/, ''))) throw new CrossSiteError()
}
