import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LlmuxError } from '../errors.ts'
import type { ResolvedOptions, Route } from '../options/index.ts'
import { chosenModel } from './body/model-of-request.ts'
import type { ChosenModel } from './body/model-of-request.ts'

const kModel = Symbol('llmux.request-model')

declare module 'fastify' {
  interface FastifyRequest {
    /** Set only in a server where llmux is registered. */
    llmux: RequestModel
    [kModel]: RequestModel | null
  }
}

type ModelOptions = Pick<ResolvedOptions, 'modelHeader' | 'defaultModel'> & { isKnown?: (name: string) => boolean }

/** What llmux knows of a request, computed at the first read: for access lists and rate limits in your own hooks. */
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
      // The route answers with what is wrong with the request; a hook that only reads must not fail.
      if (error instanceof LlmuxError) return undefined
      throw error
    }
  }

  /**
   * @internal Its path without any prefix, on llmux's routes: the route that Fastify matched, not what the client wrote, so that
   * no spelling of a path reaches another route.
   */
  get path (): string {
    return this.#route!.path
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
    // Before the body has been read only the header counts, and the answer is not final.
    if (body !== undefined) this.#choice = choice
    return choice
  }
}

/** Adds `llmux` to every request of the server. */
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
