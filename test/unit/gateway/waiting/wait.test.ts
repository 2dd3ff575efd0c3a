import { PassThrough } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { expect, test } from 'vitest'
import { secondsToWait, wholeSeconds, Wait } from '../../../../lib/gateway/waiting/wait.ts'
import type { Outlook } from '../../../../lib/switcher/outlook.ts'
import type { Waiter } from '../../../../lib/switcher/queue.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'

const waiter = {} as Waiter
const again = {} as Waiter

function rig (heartbeat: number | false = 1_000) {
  const clock = new FakeClock()
  const headers: Record<string, unknown> = {}
  const outlooks = new Map<Waiter, Outlook>()
  const sent: PassThrough[] = []
  const reply = {
    raw: new PassThrough(),
    hasHeader: (name: string) => name in headers,
    headers: (more: object) => { Object.assign(headers, more); return reply },
    code: () => reply,
    send: (body: PassThrough) => { sent.push(body) }
  }
  const wait = new Wait(reply as unknown as FastifyReply, {
    model: 'm', path: '/v1/completions', clock, heartbeat, stall: { clock, limit: 1, expired: () => false, over: () => {} }, failed: () => {}, switcher: { outlook: (_id: string, waiter?: Waiter) => outlooks.get(waiter!) }
  })
  return { clock, headers, outlooks, sent, wait }
}

test('the headers tell of the first wait, in whole seconds', () => {
  const { headers, outlooks, sent, wait } = rig(false)
  outlooks.set(waiter, { position: 3, wait: 11_200 }).set(again, { position: 1, wait: 400 })
  wait.queued(waiter)
  expect(headers).toEqual({ 'x-llmux-queue-position': 3, 'x-llmux-estimated-wait': 12 })
  wait.queued(again)
  expect(headers).toEqual({ 'x-llmux-queue-position': 3, 'x-llmux-estimated-wait': 12 })
  expect(sent).toEqual([])
})

test('the comments tell of the present one, and begin once', () => {
  const { clock, outlooks, sent, wait } = rig()
  const read = () => String(sent[0]!.read())
  outlooks.set(waiter, { position: 2, wait: 11_200 })
  wait.queued(waiter)
  expect(read()).toBe(': waiting, position 2, about 12 s\n\n')
  outlooks.set(waiter, { position: 1, wait: 0 })
  clock.advance(1_000)
  expect(read()).toBe(': waiting, position 1, about 1 s\n\n')
  outlooks.delete(waiter)
  clock.advance(1_000)
  expect(read()).toBe(': with the engine\n\n')
  outlooks.set(again, { position: 1, wait: 5_000 })
  wait.queued(again)
  clock.advance(1_000)
  expect(read()).toBe(': waiting, position 1, about 5 s\n\n')
  expect(sent).toHaveLength(1)
})

test('seconds are whole, and at least one', () => {
  expect([0, 1, 1_000, 1_001, 59_999].map(wholeSeconds)).toEqual([1, 1, 1, 2, 60])
})

test('how long one would wait who came now, for models of ours', () => {
  const switcher = { outlook: (id: string) => ({ position: 1, wait: id === 'm' ? 7_000 : NaN }) }
  const names = new Map([['alias', 'm']])
  const seconds = (model?: string) => secondsToWait({ llmux: { model } } as never, { names }, switcher)
  expect([seconds('alias'), seconds('m'), seconds()]).toEqual([7, undefined, undefined])
})
