// What somebody writes who uses every part of the package. A type that has become `any` makes an expected error unexpected.
import Fastify from 'fastify'
import llmux, { OptionsError, type LlmuxOptions } from 'fastify-llmux'
import admin from 'fastify-llmux/admin'
import fleet from 'fastify-llmux/fleet'
import health from 'fastify-llmux/health'
import metrics from 'fastify-llmux/metrics'
import { startMock } from 'fastify-llmux/mock'
import page from 'fastify-llmux/page'
import { simulate } from 'fastify-llmux/simulator'
import { validate } from 'fastify-llmux/validate'

const options: LlmuxOptions = { ...startMock().options, models: { a: { gpus: [0] } } }
// @ts-expect-error an unknown option
export const wrong: LlmuxOptions = { models: {}, modles: {} }
// @ts-expect-error not any
export const text: number = new OptionsError('a', 'b').code

export async function build () {
  const app = Fastify()
  await app.register(llmux, options)
  await app.register(metrics)
  await app.register(health)
  await app.register(admin, { guard: 'key' })
  await app.register(page, { guard: 'key' })
  // @ts-expect-error not any
  const state: number = app.llmux.status().models[0]!.state
  return { app, state, fleet, simulate, validate }
}
