import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lib = new URL('../../../lib/', import.meta.url)

/** The packages that a module and those below it import before anything runs. */
function packagesOf (entry: string): Set<string> {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: URL) => {
    if (seen.has(file.href)) return
    seen.add(file.href)
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm)) {
      if (name.startsWith('.')) visit(new URL(name, file))
      else if (!name.startsWith('node:')) packages.add(name)
    }
  }
  visit(new URL(entry, lib))
  return packages
}

test('a server listens before it has loaded what only engines, spans or a fallback need', () => {
  const packages = packagesOf('cli/serve.ts')
  expect(packages).toContain('fastify')
  expect(packages).toContain('prom-client')
  for (const name of ['execa', 'undici', '@fastify/http-proxy', '@opentelemetry/api', 'csv-parse/sync', 'd3-random']) expect(packages).not.toContain(name)
})

test('help needs no package at all', () => {
  expect([...packagesOf('cli/bin.ts')]).toEqual([])
})
