import { expect, test } from 'vitest'
import { EngineDiedError, ProcessDiedError } from '../../../../lib/errors.ts'
import { errorEvent } from '../../../../lib/gateway/relay/error-event.ts'

const error = new EngineDiedError('signal SIGKILL')
const message = 'the request was lost: signal SIGKILL'

const parse = (event: string) => {
  const [, name, data] = /^(?:event: (\w+)\n)?data: (.*)\n\n$/.exec(event)!
  return { name, data: JSON.parse(data!) }
}

test.each(['/v1/chat/completions', '/v1/completions', '/v1/audio/transcriptions'])('in the dialect of OpenAI: %s', path => {
  expect(parse(errorEvent(path, error))).toEqual({
    name: undefined,
    data: { error: { message, type: 'server_error', param: null, code: 'engine_died' } }
  })
})

test('in the dialect of Anthropic', () => {
  expect(parse(errorEvent('/v1/messages', error))).toEqual({
    name: 'error',
    data: { type: 'error', error: { type: 'api_error', message, code: 'engine_died' } }
  })
})

test('in that of the Responses API', () => {
  expect(parse(errorEvent('/v1/responses', error))).toEqual({
    name: 'error',
    data: { type: 'error', code: 'engine_died', message, param: null }
  })
})

test('a message with line ends stays one event', () => {
  expect(errorEvent('/v1/messages', new EngineDiedError('a\n\ndata: b')).match(/\n\n/g)).toHaveLength(1)
})

test('what its engine wrote last is not for clients', () => {
  expect(errorEvent('/v1/completions', Object.assign(new ProcessDiedError('m', 'exit code 1'), { lastLines: ['secret'], causeLine: 'secret' }))).not.toContain('secret')
})
