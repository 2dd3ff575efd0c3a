import t from 'tap'
import { request } from 'undici'
import { until } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { startGateway } from '../helpers/gateway.ts'
import { nobodyServed } from '../helpers/gateway-view.ts'

// The engine dies in the midst of a stream: vLLM ends it in a way that depends on the route and on its version, and at
// times looks complete. What the client sees depends on neither.

const message = [{ role: 'user', content: 'x' }]

const bodies: Record<string, object> = {
  '/v1/chat/completions': { messages: message },
  '/v1/completions': { prompt: 'x' },
  '/v1/messages': { messages: message },
  '/v1/responses': { input: 'x' }
}

const ends: Record<string, object> = {
  '/v1/chat/completions': { error: { code: 'engine_died', type: 'server_error' } },
  '/v1/completions': { error: { code: 'engine_died', type: 'server_error' } },
  '/v1/messages': { type: 'error', error: { code: 'engine_died', type: 'api_error' } },
  '/v1/responses': { type: 'error', code: 'engine_died' }
}

for (const version of ['0.32.0', '0.17.1']) {
  t.test(`behind vLLM ${version} a stream whose engine dies ends with our error, once, and breaks`, async t => {
    const gateway = await startGateway({ models: ['a'], mock: { version, fault: 'stream=die@3' } })
    t.teardown(() => gateway.close())
    for (const [path, body] of Object.entries(bodies)) {
      const answer = await request(gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'a', stream: true, max_tokens: 100, ...body })
      })
      const reader = new StreamReader(answer)
      await reader.done
      t.equal(answer.statusCode, 200, path)
      t.equal(reader.end, 'broken', path)
      t.ok(reader.events.length > 2, `${path} had begun`)
      t.match(reader.chunks.at(-1), ends[path], path)
      t.equal(reader.chunks.filter(({ type, error }) => type === 'error' || error).length, 1, `${path}: vLLM's own error is not passed on`)
      t.notMatch(reader.text, '[DONE]', path)
    }
    await nobodyServed(gateway)
    await until('the engine that died last is gone', () => gateway.gpu.records().filter(({ event }) => event === 'died').length === 4)
  })
}
