import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AdminRequestError, LlmuxError } from '../errors.ts'
import { errorAnswer, errorBody } from '../gateway/error-answer.ts'

// Nobody waits in a queue here.
const answerError = errorAnswer({ exposeEngineOutput: true })

let shared: Ajv | undefined

/** Fastify's own Ajv coerces types and drops unknown keys; this one only looks. Made when it is first needed. */
function ajv (): Ajv {
  shared ??= new Ajv({ strict: true, allErrors: false, coerceTypes: false, useDefaults: false, removeAdditional: false, allowUnionTypes: true })
  return shared
}

/** Strict schemas, and errors in OpenAI's shape, for the routes of this scope. */
export function beStrict (scope: FastifyInstance): void {
  scope.setValidatorCompiler(({ schema, httpPart }) => {
    // At the first request: a start is not to wait for all routes' schemas, of which most are never needed.
    let compiled: ValidateFunction | undefined
    return (value: unknown) => {
      compiled ??= ajv().compile(schema as object)
      const validate = compiled
      if (validate(value ?? null)) return { value }
      const [{ instancePath, message, params }] = validate.errors as [NonNullable<typeof validate.errors>[number]]
      const detail = params['additionalProperty'] ?? params['allowedValues']?.map((word: unknown) => JSON.stringify(word)).join(', ')
      const where = instancePath.slice(1).replaceAll('/', '.')
      return { error: new AdminRequestError([httpPart, where].filter(Boolean).join(' '), `${message}${detail === undefined ? '' : `: ${detail}`}`) }
    }
  })
  // Schemas of answers are for those who read them: a serializer of Fastify's would drop what they do not name.
  scope.setSerializerCompiler(() => data => JSON.stringify(data))
  scope.setErrorHandler(answerAll)
}

/** What Fastify itself finds wrong with a body. Plugins that a host has in its hooks have codes that begin with FST_ as well, and those errors are for the host's error handler. */
const aboutBody = 'FST_ERR_CTP_'

/** What Fastify finds wrong with a request's body is answered here too; all that comes from the host is not. */
function answerAll (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode = 500, code } = error
  if (error instanceof LlmuxError || statusCode >= 500 || !code?.startsWith(aboutBody)) return answerError(error, request, reply)
  reply.code(statusCode).send(errorBody({ message: error.message, code, statusCode } as LlmuxError))
}
