import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lib = new URL('../../../lib/', import.meta.url)

/** The texts of a module and of those that it imports before anything runs. */
function textsOf (entry: string): string[] {
  const texts = new Map<string, string>()
  const visit = (file: URL) => {
    if (texts.has(file.href)) return
    const text = readFileSync(file, 'utf8')
    texts.set(file.href, text)
    for (const name of importsOf(text)) if (name.startsWith('.')) visit(new URL(name, file))
  }
  visit(new URL(entry, lib))
  return [...texts.values()]
}

function importsOf (text: string): string[] {
  return [...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm)].map(([, name = '']) => name)
}

const packagesOf = (entry: string): Set<string> => new Set(textsOf(entry).flatMap(importsOf).filter(name => !/^(\.|node:)/.test(name)))

test('a server listens before it has loaded what only engines, spans or a fallback need', () => {
  const packages = packagesOf('cli/serve.ts')
  expect(packages).toContain('fastify')
  expect(packages).toContain('prom-client')
  for (const name of ['execa', 'undici', '@fastify/http-proxy', '@opentelemetry/api', 'csv-parse/sync', 'd3-random']) expect(packages).not.toContain(name)
})

test('help needs no package at all', () => {
  expect([...packagesOf('cli/bin.ts')]).toEqual([])
})

test('a server loads no data of languages, which takes 7 MiB', () => {
  const texts = textsOf('cli/serve.ts')
  expect(texts.length).toBeGreaterThan(100)
  expect(texts.filter(text => /\bIntl\.\w+\(|\.toLocale|\.localeCompare\(/.test(text))).toEqual([])
})
