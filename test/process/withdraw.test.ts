import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { adminKey, startNode } from '../helpers/fleet.ts'
import type { TestGatewayOptions } from '../helpers/gateway.ts'
import { requestsSeenBy } from '../helpers/gateway-view.ts'

// An edge takes requests back that wait on a node.

t.jobs = 2

/** A node on which `n` answers at length, so that requests for `m` wait. */
async function start (t: Test, options: Partial<TestGatewayOptions> = {}) {
  const node = await startNode(t, { models: ['m', 'n'], freeze: false, mock: { 'token-ms': 20 }, ...options })
  const long = await fetch(`${node.url}/v1/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'n', prompt: 'x', max_tokens: 200, stream: true }) })
  const chat = (name: string, headers: Record<string, string> = {}, more: object = {}) => request(`${node.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-llmux-request': name, ...headers },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: name }], max_tokens: 5, ...more })
  })
  const withdraw = async (requests: string[], most = 10) => {
    const answer = await request(`${node.url}/admin/withdraw`, { method: 'POST', headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ requests, most }) })
    return answer.statusCode === 200 ? await answer.body.json() : answer.statusCode
  }
  const waiting = (count: number) => until(`${count} wait`, () => node.app.llmux.status().models[0]!.waiting === count)
  return { node, long, chat, withdraw, waiting }
}

t.test('waiting requests are given back, as many as are wanted, and the others are served', async t => {
  const { node, long, chat, withdraw, waiting } = await start(t)
  const first = chat('one')
  await waiting(1)
  const second = chat('two')
  await waiting(2)
  t.same(await withdraw(['stranger', 'one', 'two'], 1), { withdrawn: ['one'] })
  const refused = await first
  t.equal(refused.statusCode, 409)
  t.equal(refused.headers['x-llmux-error'], 'LLMUX_ERR_WITHDRAWN')
  t.match(await refused.body.json(), { error: { code: 'LLMUX_ERR_WITHDRAWN' } })
  t.equal(node.app.llmux.status().models[0]!.waiting, 1)
  t.same(await withdraw(['one'], 1), { withdrawn: [] }, 'once')
  await long.body!.cancel()
  t.equal((await second).statusCode, 200)
  t.same(await withdraw(['two'], 1), { withdrawn: [] }, 'it has been served')
  const seen = await requestsSeenBy(node, 'm')
  t.equal(seen.length, 1)
  t.notOk('x-llmux-request' in seen[0]!.headers, 'no engine hears of it')
  t.equal(await withdraw([], 0), 400)
})

t.test('one that already has comments ends with an error event', async t => {
  const { long, chat, withdraw } = await start(t, { heartbeat: 100 })
  const stream = new StreamReader(await chat('one', {}, { stream: true }))
  await until('it has comments', () => stream.text.includes(': '))
  t.same(await withdraw(['one']), { withdrawn: ['one'] })
  await stream.done
  t.match(stream.text, '"code":"withdrawn"')
  t.notOk(stream.sawDone)
  await long.body!.cancel()
})

t.test('with edgeKey only requests of the edge are', async t => {
  const { long, chat, withdraw, waiting } = await start(t, { edgeKey: 'secret' })
  const ours = chat('ours', { 'x-llmux-edge': 'secret' })
  const other = chat('other', { 'x-llmux-edge': 'wrong' })
  await waiting(2)
  t.same(await withdraw(['ours', 'other']), { withdrawn: ['ours'] })
  t.equal((await ours).statusCode, 409)
  await long.body!.cancel()
  t.equal((await other).statusCode, 200)
})
