import { eventFeed } from './event-feed.js'

const query = {
  type: 'object',
  properties: { model: { type: 'string' }, level: { type: 'integer', enum: [1, 2, 3] } },
  additionalProperties: false
}
const oneModel = { querystring: { ...query, required: ['model'] } }
const anyModel = { querystring: query }

/** @typedef {{ Querystring: { model: string } }} OneModel */
/** @typedef {{ Querystring: { model?: string, level?: import('fastify-llmux').SleepLevel } }} AnyModel */

/**
 * What the operators may do. Names of models have slashes, so they are in the query.
 * @param {import('fastify').FastifyInstance} app
 */
export async function admin (app) {
  const { llmux } = app

  app.get('/status', async () => llmux.status())

  app.get('/events', eventFeed(app))

  app.get('/metrics', async (_request, reply) => reply.type(app.llmuxMetrics.contentType).send(await app.llmuxMetrics.metrics()))

  app.post('/switch', { schema: oneModel }, async (/** @type {import('fastify').FastifyRequest<OneModel>} */ request) => {
    await llmux.switchTo(request.query.model)
    return llmux.status()
  })

  app.post('/sleep', { schema: anyModel }, async (/** @type {import('fastify').FastifyRequest<AnyModel>} */ request) => {
    const { model, level } = request.query
    await llmux.sleep(model, level === undefined ? {} : { level })
    return llmux.status()
  })

  app.post('/stop', { schema: anyModel }, async (/** @type {import('fastify').FastifyRequest<AnyModel>} */ request) => {
    await llmux.stop(request.query.model)
    return llmux.status()
  })
}
