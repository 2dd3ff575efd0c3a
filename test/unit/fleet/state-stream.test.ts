import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { expect, test } from 'vitest'
import { readStates } from '../../../lib/fleet/nodes/state-stream.ts'

test('a character whose bytes come in two chunks stays whole', async () => {
  const bytes = Buffer.from(`event: state\nid: 7\ndata: ${JSON.stringify({ models: [{ id: 'modèle-🦙' }] })}\n\n`)
  for (let cut = 1; cut < bytes.length; cut++) {
    const dispatcher = { request: async () => ({ statusCode: 200, body: Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]) }) } as unknown as Dispatcher
    const states: unknown[] = []
    const stream = readStates({ dispatcher, origin: 'http://node', path: '/state', key: '', lastId: undefined, signal: new AbortController().signal, onState: (state, id) => states.push([id, state]), onLife: () => {} })
    await expect(stream).rejects.toThrow('it has ended its event stream')
    expect(states).toEqual([['7', { models: [{ id: 'modèle-🦙' }] }]])
  }
})
