import { gunzipSync } from 'node:zlib'
import { get } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import admin from '../../lib/admin/index.ts'
import type { Guard } from '../../lib/admin/index.ts'
import page from '../../lib/page/index.ts'
import type { PageOptions } from '../../lib/page/index.ts'
import { startGateway } from '../helpers/gateway.ts'

// The page as it is served, and how a browser signs in. What it shows is looked at in a browser: test/page.

const key = 'sk-admin-92'

async function start (t: Test, guard: Guard | false = key, options: Partial<PageOptions> & { prefix?: string } = {}) {
  const gateway = await startGateway({
    models: ['a'],
    async after (app: FastifyInstance) {
      await app.register(admin, { prefix: '/ops', guard })
      await app.register(page, { prefix: '/ops', guard, ...options })
    }
  })
  t.teardown(() => gateway.close())
  return gateway
}

const signIn = (url: string, body: object, headers = {}) => fetch(`${url}/session`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

t.test('the page and its files are served, with a policy that lets nothing else in', async t => {
  const { url } = await start(t)
  const moved = await fetch(`${url}/ops`, { redirect: 'manual' })
  t.equal(new URL(moved.headers.get('location')!, `${url}/ops`).pathname, '/ops/')
  const answer = await fetch(`${url}/ops/`)
  t.equal(answer.status, 200)
  const text = await answer.text()
  t.match(text, 'data-admin="." data-sign-in="true"')
  const policy = answer.headers.get('content-security-policy')!
  t.match(policy, /default-src 'none'/)
  t.notMatch(policy, /unsafe|\*|https?:/)
  t.equal(answer.headers.get('x-frame-options'), 'DENY')
  t.notMatch(text, /<script(?![^>]*src=)|<style|style="| on\w+="/, 'nothing inline')
  const files = [...text.matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(([, path]) => path!)
  t.same(files, ['page/icon.svg', 'page/app.css', 'page/app.js'])
  for (const path of files) {
    const file = await fetch(`${url}/ops/${path}`)
    t.equal(file.status, 200, path)
    t.notMatch(await file.text(), /https?:\/\/(?!www\.w3\.org)/, `${path} knows no other origin`)
    const again = await fetch(`${url}/ops/${path}`, { headers: { 'if-none-match': file.headers.get('etag')! } })
    t.equal(again.status, 304)
  }
})

t.test('files come compressed to who can read them so', async t => {
  const { url } = await start(t)
  const body = await new Promise<Buffer>((resolve, reject) => {
    get(`${url}/ops/page/app.js`, { headers: { 'accept-encoding': 'gzip' } }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve(Buffer.concat(chunks)))
    }).on('error', reject)
  })
  const plain = await (await fetch(`${url}/ops/page/app.js`, { headers: { 'accept-encoding': 'identity' } })).text()
  t.equal(gunzipSync(body).toString(), plain)
})

t.test('a browser signs in once, and its cookie is good for the operators’ routes alone', async t => {
  const { url } = await start(t)
  t.equal((await signIn(`${url}/ops`, { key: 'wrong', path: '/ops' })).status, 401)
  t.equal((await signIn(`${url}/ops`, { key, path: '/' })).status, 400, 'not for other paths')
  t.equal((await signIn(`${url}/ops`, { key, path: '/ops; Domain=other' })).status, 400)
  t.equal((await signIn(`${url}/ops`, { key, path: '/ops' }, { 'sec-fetch-site': 'cross-site' })).status, 403)
  const answer = await signIn(`${url}/ops`, { key, path: '/proxied/ops' })
  t.equal(answer.status, 204)
  const set = answer.headers.get('set-cookie')!
  t.match(set, /; Path=\/proxied\/ops; HttpOnly; SameSite=Strict$/)
  t.notMatch(set, key)
  const [cookie = ''] = set.split(';', 1)
  const status = (headers: Record<string, string>) => fetch(`${url}/ops/status`, { headers })
  t.equal((await status({ cookie })).status, 401, 'a page elsewhere that has the browser send it has not the header')
  t.equal((await status({ cookie, 'x-llmux-page': '1' })).status, 200)
  t.equal((await status({ authorization: `Bearer ${cookie.split('=')[1]}` })).status, 401, 'it is not the key')
  const forged = await fetch(`${url}/ops/models/a/switch?wait=true`, { method: 'POST', headers: { cookie, 'x-llmux-page': '1', 'sec-fetch-site': 'cross-site' } })
  t.equal(forged.status, 403)
  const ended = await fetch(`${url}/ops/session?path=/proxied/ops`, { method: 'DELETE' })
  t.match(ended.headers.get('set-cookie'), /^llmux_session=; Max-Age=0; Path=\/proxied\/ops;/)
})

t.test('a guard of the host’s own is asked for the page too, and without one nobody signs in', async t => {
  const guarded = await start(t, async (request: FastifyRequest) => { if (request.headers['x-team'] !== 'ops') throw Object.assign(new Error('no'), { statusCode: 403 }) })
  t.equal((await fetch(`${guarded.url}/ops/`)).status, 403)
  t.equal((await fetch(`${guarded.url}/ops/page/app.js`)).status, 403)
  t.match(await (await fetch(`${guarded.url}/ops/`, { headers: { 'x-team': 'ops' } })).text(), 'data-sign-in="false"')
  const open = await start(t, false)
  t.match(await (await fetch(`${open.url}/ops/`)).text(), 'data-sign-in="false"')
  t.equal((await signIn(`${open.url}/ops`, { key, path: '/ops' })).status, 404)
})

t.test('it may lie elsewhere than the operators’ routes', async t => {
  const { url } = await start(t, key, { prefix: '/ui', admin: '/ops' })
  t.match(await (await fetch(`${url}/ui/`)).text(), 'data-admin="../ops"')
  t.match((await signIn(`${url}/ui`, { key, path: '/ops' })).headers.get('set-cookie'), /Path=\/ops;/)
})

t.test('options are right', async t => {
  for (const [options, message] of [[{ guard: undefined }, /option guard/], [{ admin: 'ops' }, /option admin must be a path/], [{ admin: '/ops/' }, /option admin/], [{ adnim: '/ops' }, /option adnim is unknown/]] as const) {
    await t.rejects(start(t, key, options as never), { code: 'LLMUX_ERR_OPTIONS', message })
  }
})
