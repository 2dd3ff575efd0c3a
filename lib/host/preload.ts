import type { FastifyInstance } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'

/** Starts the models that are to be ready before the first request, one after the other, in the background. The last stays awake. */
export function preload (fastify: FastifyInstance, { models }: Pick<ResolvedOptions, 'models'>): void {
  const wanted = models.filter(model => model.preload)
  fastify.addHook('onReady', done => {
    // In the background: a start takes longer than Fastify waits for a hook.
    for (const { id } of wanted) {
      fastify.llmux.switchTo(id).catch(error => fastify.log.error({ model: id, err: error }, `preload of ${id} failed`))
    }
    done()
  })
}
