import adminRoutes from 'fastify-llmux/admin'
import page from 'fastify-llmux/page'

/**
 * What the operators may do: all that `fastify-llmux/admin` offers, with its page at /admin/, and two buttons of our own for the night.
 * @param {import('fastify').FastifyInstance} app
 * @param {{ adminKey: string, registry: import('prom-client').Registry }} options
 */
export async function admin (app, { adminKey, registry }) {
  const { llmux } = app

  // The gate in auth.js has asked for the key already, but not browsers that have signed in: those are let in here.
  await app.register(adminRoutes, { guard: adminKey, registry })
  await app.register(page, { guard: adminKey })

  const onRequest = /** @type {NonNullable<typeof app.verifyBearerAuth>} */ (app.verifyBearerAuth)

  app.post('/sleep', { onRequest }, async () => {
    await llmux.sleep()
    return llmux.status()
  })

  app.post('/stop', { onRequest }, async () => {
    await llmux.stop()
    return llmux.status()
  })

  app.get('/openapi.json', { onRequest }, async () => app.swagger())
}
