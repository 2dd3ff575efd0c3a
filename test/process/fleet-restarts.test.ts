import t from 'tap'
import { ServerProcess } from '../fleet/server-process.js'
import { StreamReader } from '../helpers/event-stream.ts'
import { adminKey, startEdge } from '../helpers/fleet.ts'
import { served, startEdgeProcess, startNodeProcess } from '../helpers/fleet-processes.ts'

t.test('nodes are drained and restarted one by one, and no request is lost', async t => {
  const nodes = await Promise.all([startNodeProcess(t, { mock: { 'token-ms': 5 } }), startNodeProcess(t, { mock: { 'token-ms': 5 } })])
  const edge = await startEdgeProcess(t, nodes)
  const ends: string[] = []
  const over = new AbortController()
  const client = async () => {
    while (!over.signal.aborted) {
      const answer = await edge.chat({ stream: true, max_tokens: 20 })
      const stream = new StreamReader(answer)
      await stream.done
      ends.push(answer.statusCode === 200 && stream.sawDone ? 'whole' : `${answer.statusCode} ${stream.text}`)
    }
  }
  const clients = Promise.all([client(), client(), client()])
  for (const node of nodes) {
    t.equal((await edge.operate(node, 'drain?wait=true')).statusCode, 200)
    await node.stop('SIGTERM')
    await node.start()
    await edge.is(node, 'up')
  }
  over.abort()
  await clients
  t.ok(ends.length > 3)
  t.same(ends.filter(end => end !== 'whole'), [])
  for (const node of nodes) t.ok(served(node) > 0)
})

t.test('an edge that was held up itself does not take nodes for silent', async t => {
  const node = await startNodeProcess(t)
  const edge = await startEdge(t, [node.url], { stale: 3_000 })
  const before = edge.changes.length
  // Nothing is read meanwhile, and all timers are late.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000)
  t.equal((await edge.chat('m', { max_tokens: 1 })).statusCode, 200)
  t.same(edge.changes.slice(before), [])
})

t.test('one edge dies, and the other goes on', async t => {
  const node = await startNodeProcess(t, { mock: { 'token-ms': 20 } })
  const edges = [await startEdgeProcess(t, [node]), await ServerProcess.start('edge', { adminKey, fleet: { nodes: [node.url] } })] as const
  const stream = new StreamReader(await edges[0].chat({ stream: true, max_tokens: 50 }))
  await edges[1].stop('SIGKILL')
  await stream.done
  t.ok(stream.sawDone)
  t.equal((await edges[0].chat({ max_tokens: 1 })).statusCode, 200)
  await edges[1].remove()
})
