import type { FastifyInstance } from 'fastify'
import { modelSchema, modelsSchema } from './route-schemas.ts'

/** The models by all their names, with the id of the engine behind each. */
export interface ModelList {
  names: ReadonlyMap<string, string>
  /** @throws {ModelNotFoundError} */
  id (name: string): string
  /** The path of the model, if it is known. */
  find (id: string): { path: string } | undefined
}

/** `/v1/models`, answered from the options: it starts no engine. */
export async function modelsRoute (scope: FastifyInstance, directory: ModelList): Promise<void> {
  const created = Math.floor(Date.now() / 1000)
  const card = (name: string, id: string) => ({
    id: name,
    object: 'model',
    created,
    owned_by: 'llmux',
    root: directory.find(id)?.path,
    parent: name === id ? null : id
  })
  const list = async () => ({ object: 'list', data: [...directory.names].map(([name, id]) => card(name, id)) })
  scope.get('/v1/models', { schema: modelsSchema }, list)
  // Names may contain slashes.
  scope.get<{ Params: { '*': string } }>('/v1/models/*', { schema: modelSchema }, async request => {
    const name = request.params['*']
    // With a trailing slash the URL still means the list.
    return name === '' ? await list() : card(name, directory.id(name))
  })
}
