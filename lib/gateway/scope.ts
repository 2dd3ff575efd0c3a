import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { LlmuxError } from '../errors.ts'
import { readBody } from './body/read-body.ts'
import type { BodyRead } from './body/read-body.ts'
import { errorAnswer } from './error-answer.ts'
import type { AnswerOptions } from './error-answer.ts'
import type { RelayOptions } from './relay/relay.ts'
import { describeRoutes } from './route-schemas.ts'

export interface ScopeOptions {
  clock: Clock
  /** Bytes. */
  bodyLimit: number
  /** Milliseconds. */
  bodyTimeout: number
  answer: AnswerOptions
  /** A request for a model gets this error. */
  failed: (error: LlmuxError, request: FastifyRequest, reply: FastifyReply) => void
}

/** Keeps bodies as raw bytes and answers errors in OpenAI's shape, in this scope only. */
export function openScope (scope: FastifyInstance, { clock, bodyLimit, bodyTimeout, answer, failed }: ScopeOptions): void {
  describeRoutes(scope)
  const answerError = errorAnswer(answer)
  scope.setErrorHandler((error: Error, request, reply) => {
    // A request for the list of models is not a request for a model.
    if (error instanceof LlmuxError && request.method === 'POST') failed(error, request, reply)
    answerError(error, request, reply)
  })
  scope.removeAllContentTypeParsers()
  // Any type: the body goes on byte for byte, and llmux or the engine judges it. Fastify caches the parser of a type that is
  // registered by name, and searches again each time for others.
  scope.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, stream: IncomingMessage, done: BodyRead) => readBody(stream, {
    limit: bodyLimit,
    timeout: bodyTimeout,
    contentLength: request.headers['content-length'],
    clock
  }, done))
}

/**
 * Plugins such as @fastify/rate-limit add hooks to each route after its own: a request that they refuse must not have caused
 * a switch.
 */
export function runLast (scope: FastifyInstance, hook: RelayOptions['preHandler']): void {
  scope.addHook('onRoute', route => {
    const hooks = [route.preHandler ?? []].flat()
    if (hooks.includes(hook)) route.preHandler = [...hooks.filter(other => other !== hook), hook]
  })
}
