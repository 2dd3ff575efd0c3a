import { Ajv } from 'ajv'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AdminRequestError, LlmuxError } from '../errors.ts'
import { errorAnswer, errorBody } from '../gateway/error-answer.ts'

// Nobody waits in a queue here.
const answerError = errorAnswer({ exposeEngineOutput: true })

/** Fastify's own Ajv coerces types and drops unknown keys; this one only looks. */
const ajv = new Ajv({ strict: true, allErrors: false, coerceTypes: false, useDefaults: false, removeAdditional: false, allowUnionTypes: true })

/** Strict schemas, and errors in OpenAI's shape, for the routes of this scope. */
export function beStrict (scope: FastifyInstance): void {
  scope.setValidatorCompiler(({ schema, httpPart }) => {
    const validate = ajv.compile(schema as object)
    return (value: unknown) => {
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

/** What Fastify finds wrong with a request, with its body above all, is answered here too; failures of the host's are not. */
function answerAll (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode = 500, code } = error
  if (error instanceof LlmuxError || statusCode >= 500 || !code?.startsWith('FST_')) return answerError(error, request, reply)
  reply.code(statusCode).send(errorBody({ message: error.message, code, statusCode } as LlmuxError))
}
