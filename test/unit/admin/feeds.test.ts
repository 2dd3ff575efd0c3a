import { PassThrough } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { beforeEach, expect, test } from 'vitest'
import { Feeds, heartbeat, mostFeeds } from '../../../lib/admin/feeds.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

let clock: FakeClock
let feeds: Feeds
let close: () => void

beforeEach(() => {
  clock = new FakeClock()
  feeds = new Feeds({ addHook: (_name: string, hook: (done: () => void) => void) => { close = () => hook(() => {}) } } as never, clock)
})

/** An answer that somebody reads; `gone` is called when nothing is wanted any more. */
function open (signOfLife?: string) {
  let stream!: PassThrough
  let write!: (text: string) => void
  let gone = false
  const reply = { type: () => reply, header: () => reply, send: (feed: PassThrough) => { stream = feed } }
  feeds.open(reply as unknown as FastifyReply, { type: 'text/plain', beginning: 'open ', ...(signOfLife !== undefined && { signOfLife }) }, to => {
    write = to
    return () => { gone = true }
  })
  return { stream, write, text: () => String(stream.read() ?? ''), get gone () { return gone } }
}

const closed = (stream: PassThrough) => new Promise<void>(resolve => { stream.once('close', resolve).resume() })

test('a feed begins, and goes on with what it is given', () => {
  const { write, text } = open()
  write('and on')
  expect(text()).toBe('open and on')
})

test('when nothing happens there is a sign of life now and then, until its reader leaves', async () => {
  const { stream, text } = open('. ')
  text()
  clock.advance(heartbeat - 1)
  expect(text()).toBe('')
  clock.advance(1)
  clock.advance(heartbeat)
  expect(text()).toBe('. . ')
  stream.destroy()
  await closed(stream)
  expect(clock.pending).toBe(0)
})

test('what has no place for a sign of life has none', () => {
  open()
  expect(clock.pending).toBe(0)
})

test('drops a reader that does not read', async () => {
  const feed = open()
  const end = closed(feed.stream)
  feed.stream.pause()
  for (let i = 0; i < 12; i++) feed.write('x'.repeat(100_000))
  await end
  expect(feed.gone).toBe(true)
})

test('there are not more than so many at once', async () => {
  const all = Array.from({ length: mostFeeds }, () => open())
  expect(() => open()).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_ADMIN_LIMIT', statusCode: 429 }))
  const end = closed(all[0]!.stream)
  all[0]!.stream.destroy()
  await end
  expect(open().text()).toBe('open ')
})

test('all end with the server, and so does one that comes too late', async () => {
  const early = open('. ')
  close()
  const late = open('. ')
  await Promise.all([early, late].map(({ stream }) => closed(stream)))
  expect([early.gone, late.gone, clock.pending]).toEqual([true, true, 0])
})
