import { inspect } from 'node:util'
import type { Config } from './config/config.ts'

const comment = (text: string): string => `// ${text}\n`

/** A configuration as JavaScript that one can paste. What does not count is said in comments above. */
export function optionsText ({ shape, options, gateway, notes }: Config, file: string): string {
  const literal = inspect(options, { depth: null, breakLength: 100, maxArrayLength: null, maxStringLength: null })
  return comment(`${file}, in the words of ${shape}, as options of fastify-llmux.`) +
    notes.map(({ field, text }) => comment(`${field} ${text}.`)).join('') +
    "import Fastify from 'fastify'\nimport llmux from 'fastify-llmux'\n\n" +
    'const app = Fastify({ logger: true })\n' +
    `await app.register(llmux, ${literal})\n` +
    `await app.listen({ port: ${gateway.port}, host: ${inspect(gateway.host)} })\n`
}
