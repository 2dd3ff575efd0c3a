import { expect, test } from 'vitest'
import { checkOptions } from '../../../lib/admin/options.ts'

const check = (options: unknown) => () => checkOptions(options as never)
const registry = { contentType: 'text/plain', metrics: async () => '' }

test.for([
  { guard: false }, { guard: 'sk-1~' }, { guard: async () => {}, registry, journal: 0 }, { guard: 'k', prefix: '/ops', logLevel: 'warn', logSerializers: {} }
])('%o is fine', options => {
  expect(check(options)).not.toThrow()
})

test.for<[unknown, RegExp]>([
  [{}, /option guard must be a preHandler, a key without spaces, or false/],
  [{ guard: undefined }, /option guard/],
  [{ guard: true }, /option guard/],
  [{ guard: '' }, /option guard/],
  [{ guard: 'schlüssel' }, /option guard/],
  [{ guard: 'k', gaurd: 'k' }, /option gaurd is unknown: known are guard, registry, journal/],
  [{ guard: 'k', registry: {} }, /option registry must be a registry of prom-client/],
  [{ guard: 'k', journal: -1 }, /option journal must be a whole number/],
  [{ guard: 'k', journal: 1.5 }, /option journal/],
  [{ guard: 'k', journal: '10' }, /option journal/]
])('%o is refused, and told by its name', ([options, message]) => {
  expect(check(options)).toThrow(message)
  expect(check(options)).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_OPTIONS' }))
})
