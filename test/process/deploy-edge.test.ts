import t from 'tap'
import { startServer } from '../helpers/plain-node.ts'
import { freePort, until } from '../helpers/engine-process.ts'
import { adminKey, startNode } from '../helpers/fleet.ts'

t.test('the edge of deploy/ finds its node by name, asks for keys, and tells metrics on a port of their own', async t => {
  const node = await startNode(t, { models: ['m'] })
  const [port, metrics] = [await freePort(), await freePort()]
  const edge = await startServer(['deploy/edge.js'], {
    env: {
      API_KEYS: 'one,two',
      ADMIN_KEY: 'ops',
      NODE_ADMIN_KEY: adminKey,
      NODE_API_KEY: 'any',
      EDGE_KEY: 'edge',
      NODES_DNS: 'localhost',
      NODES_PORT: new URL(node.url).port,
      PORT: String(port),
      METRICS_PORT: String(metrics),
      HOST: '127.0.0.1'
    }
  })
  t.teardown(() => edge.stop())
  await until('it is ready', async () => (await fetch(`${edge.url}/health/ready`)).status === 200)
  const chat = (key: string) => fetch(`${edge.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] })
  })
  t.equal((await chat('three')).status, 401)
  t.equal((await chat('two')).status, 200)
  t.equal((await fetch(`${edge.url}/admin/nodes`, { headers: { authorization: 'Bearer two' } })).status, 401)
  t.equal((await fetch(`${edge.url}/admin/nodes`, { headers: { authorization: 'Bearer ops' } })).status, 200)
  await until('the metrics have it', async () => (await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).includes('model="m",outcome="ok"} 1'))
  t.equal((await fetch(`${edge.url}/metrics`, { headers: { authorization: 'Bearer two' } })).status, 404)
})
