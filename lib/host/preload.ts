import type { FastifyInstance } from 'fastify'
import type { ResolvedOptions } from '../options/index.ts'

/** Starts the `preload` models one after the other, in the background. The last one stays awake. */
export function preload (fastify: FastifyInstance, { models }: Pick<ResolvedOptions, 'models'>): void {
  const wanted = models.filter(model => model.preload)
  fastify.addHook('onReady', done => {
    // In the background: Fastify's limit on hooks is shorter than a start.
    for (const { id } of wanted) {
      fastify.llmux.switchTo(id).catch(error => fastify.log.error({ model: id, err: error }, `preload of ${id} failed`))
    }
    done()
  })
}
