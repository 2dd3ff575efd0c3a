import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LlmuxError } from '../errors.ts'
import type { ResolvedOptions, Route } from '../options/index.ts'
import { chosenModel } from './body/model-of-request.ts'
import type { ChosenModel } from './body/model-of-request.ts'

const kModel = Symbol('llmux.request-model')

declare module 'fastify' {
  interface FastifyRequest {
    /** Only set on requests in a server where llmux is registered. */
    llmux: RequestModel
    [kModel]: RequestModel | null
  }
}

type ModelOptions = Pick<ResolvedOptions, 'modelHeader' | 'defaultModel'> & { isKnown?: (name: string) => boolean }

/** What llmux knows of a request, found when it is first asked for: for the host's own hooks, access lists and rate limits. */
export class RequestModel {
  readonly #request: FastifyRequest
  readonly #route: Route | undefined
  readonly #options: ModelOptions
  #choice: ChosenModel | undefined

  constructor (request: FastifyRequest, route: Route | undefined, options: ModelOptions) {
    this.#request = request
    this.#route = route
    this.#options = options
  }

  /**
   * The model that the request is for, as the client wrote it: an alias stays an alias, and only `name:latest` becomes `name` where there is no other. Undefined on routes that are not
   * llmux's, if the request names none, and in hooks that run before the body is read, unless the header names it.
   */
  get model (): string | undefined {
    try {
      return this.choose()?.name
    } catch (error) {
      // What is wrong with the request is answered by the route; a hook that only looks is not torn down by it.
      if (error instanceof LlmuxError) return undefined
      throw error
    }
  }

  /** @internal Undefined on routes that are not llmux's. Throws what is wrong with the request. */
  choose (): ChosenModel | undefined {
    if (this.#route === undefined || this.#choice !== undefined) return this.#choice
    const { headers, body } = this.#request
    const { modelHeader, defaultModel, isKnown } = this.#options
    const choice = chosenModel({
      header: modelHeader === false ? undefined : headers[modelHeader],
      body: body as Buffer | undefined,
      kind: this.#route.body,
      contentType: headers['content-type'],
      defaultModel,
      isKnown
    })
    // Before the body is there only the header counts, and the answer is not yet final.
    if (body !== undefined) this.#choice = choice
    return choice
  }
}

/** Gives every request of the server its `llmux`. */
export function decorateRequest (fastify: FastifyInstance, routes: Route[], options: ModelOptions & { prefix: string }): void {
  const byUrl = new Map(routes.map(route => [options.prefix + route.path, route]))
  fastify.decorateRequest(kModel, null)
  fastify.decorateRequest('llmux', {
    getter () {
      this[kModel] ??= new RequestModel(this, byUrl.get(this.routeOptions.url ?? ''), options)
      return this[kModel]
    }
  })
}
