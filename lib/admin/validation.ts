import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AdminRequestError, LlmuxError } from '../errors.ts'
import { errorAnswer, errorBody } from '../gateway/error-answer.ts'

// This error has no wait to announce.
const answerError = errorAnswer({ exposeEngineOutput: true })

let shared: Ajv | undefined

/** Fastify's own Ajv coerces types and drops unknown keys; this one only checks. Created on first use. */
function ajv (): Ajv {
  shared ??= new Ajv({ strict: true, allErrors: false, coerceTypes: false, useDefaults: false, removeAdditional: false, allowUnionTypes: true })
  return shared
}

/** Strict schemas, and errors in OpenAI's shape, for the routes of this scope. */
export function beStrict (scope: FastifyInstance): void {
  scope.setValidatorCompiler(({ schema, httpPart }) => {
    // At the first request: most schemas are never needed, and a start must not wait for them.
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
  // Response schemas are documentation: Fastify's serializer would drop what they do not name.
  scope.setSerializerCompiler(() => data => JSON.stringify(data))
  scope.setErrorHandler(answerAll)
}

/** Fastify's own errors about a body. Plugins in your hooks also have codes that begin with FST_; those go to your error handler. */
const aboutBody = 'FST_ERR_CTP_'

/** Answers Fastify's errors about a body too; errors of your hooks go to your error handler. */
function answerAll (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode = 500, code } = error
  if (error instanceof LlmuxError || statusCode >= 500 || !code?.startsWith(aboutBody)) return answerError(error, request, reply)
  reply.code(statusCode).send(errorBody({ message: error.message, code, statusCode } as LlmuxError))
}
