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
  /** A request for a model is answered with this error. */
  failed: (error: LlmuxError, request: FastifyRequest, reply: FastifyReply) => void
}

/** Bodies are kept as raw bytes, and errors answered in OpenAI's shape, in this scope and nowhere else. */
export function openScope (scope: FastifyInstance, { clock, bodyLimit, bodyTimeout, answer, failed }: ScopeOptions): void {
  describeRoutes(scope)
  const answerError = errorAnswer(answer)
  scope.setErrorHandler((error: Error, request, reply) => {
    // What asks for the list of models is nobody's request for one.
    if (error instanceof LlmuxError && request.method === 'POST') failed(error, request, reply)
    answerError(error, request, reply)
  })
  scope.removeAllContentTypeParsers()
  // Any type: a body goes on byte for byte, and what is wrong with it is for us or the engine to say. Fastify remembers
  // who parses a type that it is told of, and looks into it again each time otherwise.
  scope.addContentTypeParser(['application/json', '*'], (request: FastifyRequest, stream: IncomingMessage, done: BodyRead) => readBody(stream, {
    limit: bodyLimit,
    timeout: bodyTimeout,
    contentLength: request.headers['content-length'],
    clock
  }, done))
}

/** Plugins of the host's, @fastify/rate-limit among them, add hooks to each route, behind its own: whom they refuse must not have caused a switch. */
export function runLast (scope: FastifyInstance, hook: RelayOptions['preHandler']): void {
  scope.addHook('onRoute', route => {
    const hooks = [route.preHandler ?? []].flat()
    if (hooks.includes(hook)) route.preHandler = [...hooks.filter(other => other !== hook), hook]
  })
}
