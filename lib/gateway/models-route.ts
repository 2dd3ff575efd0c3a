import type { FastifyInstance } from 'fastify'
import type { ResolvedOptions } from '../options/types.ts'
import { unknownModel } from '../unknown-model.ts'

/** `/v1/models` from the options: no engine is started for it. */
export async function modelsRoute (scope: FastifyInstance, { models, names }: Pick<ResolvedOptions, 'models' | 'names'>): Promise<void> {
  const created = Math.floor(Date.now() / 1000)
  const paths = new Map(models.map(model => [model.id, model.path]))
  const card = (name: string, id: string) => ({
    id: name,
    object: 'model',
    created,
    owned_by: 'llmux',
    root: paths.get(id),
    parent: name === id ? null : id
  })
  scope.get('/v1/models', async () => ({ object: 'list', data: [...names].map(([name, id]) => card(name, id)) }))
  // Names have slashes.
  scope.get<{ Params: { '*': string } }>('/v1/models/*', async request => {
    const name = request.params['*']
    const id = names.get(name)
    if (id === undefined) throw unknownModel(name)
    return card(name, id)
  })
}
