// The gateway under test, as a function: `server.js` of a real project would call it and listen.
import Fastify from 'fastify'
import llmux from 'fastify-llmux'

/** @param {Pick<import('fastify-llmux').LlmuxOptions, 'command'>} options */
export async function buildApp (options = {}) {
  const app = Fastify()
  app.addHook('preHandler', async request => {
    if (request.llmux.model === 'gemma-12b' && request.headers['x-team'] !== 'research') throw Object.assign(new Error('gemma-12b is for the research team'), { statusCode: 403 })
  })
  await app.register(llmux, {
    models: {
      'qwen-14b': { path: 'Qwen/Qwen3-14B' },
      'gemma-12b': { path: 'google/gemma-3-12b-it' }
    },
    ...options
  })
  return app
}
