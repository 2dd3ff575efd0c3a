import adminRoutes from 'fastify-llmux/admin'

/**
 * What the operators may do: all that `fastify-llmux/admin` offers, and two buttons of our own for the night.
 * @param {import('fastify').FastifyInstance} app
 * @param {{ adminKey: string, registry: import('prom-client').Registry }} options
 */
export async function admin (app, { adminKey, registry }) {
  const { llmux } = app

  // The gate in auth.js has asked for the key already; a second lock costs nothing.
  await app.register(adminRoutes, { guard: adminKey, registry })

  app.post('/sleep', async () => {
    await llmux.sleep()
    return llmux.status()
  })

  app.post('/stop', async () => {
    await llmux.stop()
    return llmux.status()
  })

  app.get('/openapi.json', async () => app.swagger())
}
