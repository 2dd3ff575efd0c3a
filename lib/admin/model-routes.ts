import type { FastifyInstance } from 'fastify'
import { AdminRequestError } from '../errors.ts'
import type { Llmux } from '../host/llmux.ts'
import type { SleepOptions } from '../host/order-options.ts'
import { llmuxOf } from '../host/registered.ts'
import type { SleepLevel } from '../options/index.ts'
import type { Feeds } from './feeds.ts'
import type { Operations } from './operations.ts'
import { actionSchema, logsSchema, operationSchema } from './schemas.ts'

type Action = 'switch' | 'sleep' | 'stop' | 'restart'
/** Orders that are done at once. */
type Turn = 'disable' | 'enable'
interface Post { Params: { '*': string }, Querystring: { wait?: string }, Body: { level?: SleepLevel } | null | undefined }
interface Logs { Params: { '*': string }, Querystring: { lines?: string, follow?: string } }

/** Names may contain slashes, and a wildcard must come last: the action is the last word of the path. */
function split (path: string): [model: string, word: string] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, slash), path.slice(slash + 1)]
}

/** Routes that concern one model. */
export function modelRoutes (scope: FastifyInstance, feeds: Feeds, operations: Operations): void {
  const llmux = llmuxOf(scope)

  scope.post<Post>('/models/*', { schema: actionSchema }, async ({ params, query, body, id: request }, reply) => {
    const [model, action] = split(params['*']) as [string, Action | Turn]
    if (body?.level !== undefined && action !== 'sleep') throw new AdminRequestError('body level', `makes no sense with ${action}`)
    // Answered at once, not as the result of an operation.
    const id = llmux.id(model)
    if (action === 'disable' || action === 'enable') {
      llmux[action](id)
      return llmux.status()
    }
    const begun = operations.begin(action, id, () => perform(llmux, action, id, { request, ...body }))
    return await operations.answer(begun, { prefix: scope.prefix, reply, wait: query.wait === 'true' })
  })

  scope.get<{ Params: { id: string } }>('/operations/:id', { schema: operationSchema }, async ({ params: { id } }) => ({ operation: operations.get(id) }))

  scope.get<Logs>('/models/*', { schema: logsSchema, exposeHeadRoute: false }, (request, reply) => {
    const { lines = '100', follow } = request.query
    const id = llmux.id(split(request.params['*'])[0])
    const text = (of: string[]) => of.map(line => `${line}\n`).join('')
    const last = text(llmux.lines(id, Number(lines)))
    if (follow !== 'true') return reply.type('text/plain; charset=utf-8').send(last)
    return feeds.open(reply, { type: 'text/plain; charset=utf-8', beginning: last }, write => llmux.follow(id, line => write(text([line]))))
  })
}

async function perform (llmux: Llmux, action: Action, id: string, options: SleepOptions): Promise<void> {
  if (action === 'switch') await llmux.switchTo(id, options)
  else await llmux[action](id, options)
}
