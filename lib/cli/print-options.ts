import { inspect } from 'node:util'
import type { Config } from './config/config.ts'

const comment = (text: string): string => `// ${text}\n`

/** A configuration as JavaScript to paste. Comments above say which fields have no effect. */
export function optionsText ({ shape, options, gateway, notes }: Config, file: string): string {
  const literal = inspect(options, { depth: null, breakLength: 100, maxArrayLength: null, maxStringLength: null })
  return comment(`${file}, written for ${shape}, as options of fastify-llmux.`) +
    notes.map(({ field, text }) => comment(`${field} ${text}.`)).join('') +
    "import Fastify from 'fastify'\nimport llmux from 'fastify-llmux'\n\n" +
    'const app = Fastify({ logger: true })\n' +
    `await app.register(llmux, ${literal})\n` +
    `await app.listen({ port: ${gateway.port}, host: ${inspect(gateway.host)} })\n`
}
