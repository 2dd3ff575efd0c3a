import { connect } from 'node:net'
import t from 'tap'
import { startGateway } from '../helpers/gateway.ts'
import type { TestGateway } from '../helpers/gateway.ts'
import { nobodyServed } from '../helpers/gateway-view.ts'

const chat = '/v1/chat/completions'

/** Sends raw bytes, and reads until the server closes the connection or `enough` has come. */
async function raw ({ url }: TestGateway, bytes: string, { enough = /\r\n\r\n[^]*\}$/ } = {}): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (enough.test(text)) break
  }
  socket.destroy()
  return text
}

const head = (length: number | string, more = '') => `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${more}\r\n`

t.test('hostile requests get a clear answer or a closed connection, and the next one works', async t => {
  const gateway = await startGateway({ models: ['a'], bodyLimit: 1_000_000, timeouts: { body: 300 } })
  t.teardown(() => gateway.close())

  const refused = async (body: string, status: number, code: string) => {
    const answer = await gateway.post(chat, body)
    t.equal(answer.status, status)
    const { error } = await answer.json() as { error: { code: string, message: string, type: string } }
    t.match(error, { code, type: 'invalid_request_error', message: /./ })
    t.ok(error.message.length < 1_000, 'what the client sent is not sent back whole')
    return error.message
  }

  await t.test('deeply nested JSON, valid or not', async () => {
    await refused('['.repeat(400_000) + ']'.repeat(400_000), 400, 'LLMUX_ERR_BODY_NOT_JSON')
    await refused('{"a":'.repeat(190_000), 400, 'LLMUX_ERR_BODY_NOT_JSON')
    await refused(`{"x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`, 400, 'LLMUX_ERR_MODEL_MISSING')
  })

  await t.test('a model that is an array, an object, or a name that every object has', async () => {
    await refused('{"model":["a"]}', 400, 'LLMUX_ERR_MODEL_NOT_STRING')
    await refused('{"model":{"toString":"a"}}', 400, 'LLMUX_ERR_MODEL_NOT_STRING')
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) await refused(JSON.stringify({ model: name }), 404, 'LLMUX_ERR_MODEL_NOT_FOUND')
    await refused('{"__proto__":{"model":"a"}}', 400, 'LLMUX_ERR_MODEL_MISSING')
  })

  await t.test('a model name with line ends, and one of a megabyte', async t => {
    const message = await refused(JSON.stringify({ model: 'a\r\nset-cookie: x=1\r\n\r\n{}' }), 404, 'LLMUX_ERR_MODEL_NOT_FOUND')
    t.match(message, 'does not exist')
    await refused(JSON.stringify({ model: 'x'.repeat(900_000) }), 404, 'LLMUX_ERR_MODEL_NOT_FOUND')
    const answer = await gateway.chat('a', 'hi', {}, { headers: { 'model-override': 'b%0d%0aset-cookie: x=1' } })
    t.equal(answer.status, 404)
    t.equal(answer.headers.get('set-cookie'), null)
  })

  await t.test('a body that is too large, announced or not', async t => {
    await refused(JSON.stringify({ model: 'a', x: ' '.repeat(1_000_000) }), 413, 'LLMUX_ERR_BODY_TOO_LARGE')
    t.match(await raw(gateway, head(2e9)), /^HTTP\/1.1 413 [^]*LLMUX_ERR_BODY_TOO_LARGE/)
    const chunk = `ffff\r\n${' '.repeat(0xffff)}\r\n`
    const chunked = `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(20)}`
    t.match(await raw(gateway, chunked), /^HTTP\/1.1 413 /)
  })

  await t.test('a body that comes too slowly, or never', async t => {
    t.match(await raw(gateway, `${head(100)}{"mo`), /^HTTP\/1.1 408 [^]*LLMUX_ERR_BODY_TIMEOUT/)
  })

  await t.test('a body that ends early leaves nothing behind', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    socket.on('error', () => { /* the server may reset it: it was cut on purpose */ })
    await new Promise<void>(resolve => socket.write(`${head(100)}{"model":"a"`, () => resolve()))
    socket.destroy()
    await nobodyServed(gateway)
  })

  await t.test('two lengths, or a length beside chunks, are refused before they are read', async t => {
    t.match(await raw(gateway, head('5\r\ncontent-length: 6') + '{"a":1}', { enough: /\r\n\r\n/ }), /^HTTP\/1.1 400 /)
    t.match(await raw(gateway, head(5, 'transfer-encoding: chunked\r\n') + '0\r\n\r\n', { enough: /\r\n\r\n/ }), /^HTTP\/1.1 400 /)
  })

  await t.test('none of them has started an engine', async t => {
    t.same(gateway.gpu.records(), [])
    t.equal(gateway.app.llmux.status().models[0]!.state, 'stopped')
  })

  const answer = await gateway.chat('a', 'hello')
  t.equal(answer.status, 200)
  t.match(await answer.text(), '[served=a')
})

t.test('ten thousand unknown names leave no memory behind', async t => {
  const gateway = await startGateway({ models: ['a'] })
  t.teardown(() => gateway.close())
  const ask = async (from: number, to: number) => {
    for (let i = from; i < to; i += 50) {
      await Promise.all(Array.from({ length: 50 }, async (_, j) => {
        const answer = await gateway.app.inject({ method: 'POST', url: chat, payload: { model: `unknown-${i + j}-${'x'.repeat(500)}` } })
        if (answer.statusCode !== 404) t.fail(`answered ${answer.statusCode}`)
      }))
    }
  }
  const heap = () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  await ask(0, 1_000)
  const before = heap()
  await ask(1_000, 11_000)
  // All the names alone would be 5 MB, as would each list, map or log that kept them.
  const grown = heap() - before
  t.comment(`the heap has grown by ${Math.round(grown / 1024)} KiB${globalThis.gc ? '' : ' (without a forced collection)'}`)
  if (globalThis.gc) t.ok(grown < 3e6)
  t.same(gateway.app.llmux.status().waiting, 0)
})
