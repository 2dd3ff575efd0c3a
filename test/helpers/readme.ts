import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

export const readme = read('README.md')

/** Pages whose TypeScript snippets are parts of the README's server. The tests build and run them all together. */
export const pagesOfParts = [
  'docs/get-started.md', 'docs/security.md', 'docs/admin.md', 'docs/page.md', 'docs/reference/api.md', 'docs/reference/events.md', 'docs/reference/metrics.md',
  'docs/errors.md', 'docs/operations.md', 'docs/runbook.md', 'docs/how-it-works.md', 'docs/faq.md', 'docs/performance.md'
]

/** Every document that people read. */
export const documents = [
  ...readdirSync(root).filter(name => name.endsWith('.md') || name === 'llms.txt'),
  ...['docs', 'example-app', 'examples', 'mock-vllm'].flatMap(folder => readdirSync(new URL(folder, root), { recursive: true })
    .map(name => `${folder}/${String(name)}`).filter(name => name.endsWith('.md') && !name.includes('node_modules')))
]

/** The code blocks of a language, in order; of another text than the README if there is one. */
export function blocks (language: string, text = readme): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code as string)
}

/** The cells of the rows of the first table after a heading. */
export function tableAfter (path: string, heading: string): string[][] {
  const [, rest = ''] = read(path).split(`\n${heading}\n`)
  return tablesOf(rest)[0] ?? []
}

/** The cells of the rows of all tables of a document. */
export function allRows (path: string): string[][] {
  return tablesOf(read(path)).flat()
}

/** The tables of a document in the section of that heading, as cells row by row. */
export function tablesUnder (path: string, heading: string): string[][][] {
  const [, rest = ''] = read(path).split(`${heading}\n`)
  return tablesOf(rest.split(/^## /m)[0]!)
}

/** The cells of each table, row by row, without its head. */
function tablesOf (text: string): string[][][] {
  return [...text.matchAll(/^\|.*\n\|[-|]+\|\n((?:\|.*\n)+)/gm)].map(([, rows]) =>
    (rows as string).trim().split('\n').map(row => row.split(/(?<!\\)\|/).slice(1, -1).map(cell => cell.trim())))
}

/** The words set as code in a text. */
export function codeWords (text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string)
}

/**
 * The README's server with the snippets of the pages in it: hooks before the plugin is registered, the rest before the
 * server listens.
 */
export function completeServer (): string {
  const [server] = blocks('ts') as [string]
  const parts = pagesOfParts.flatMap(path => blocks('ts', read(path)))
  const imports = parts.flatMap(code => code.match(/^import .*$/gm) ?? [])
  const bodies = parts.map(code => code.replace(/^import .*\n/gm, ''))
  const hooks = bodies.filter(code => code.includes('addHook'))
  const rest = bodies.filter(code => !code.includes('addHook'))
  return [...imports, server]
    .join('\n')
    .replace('await app.register(llmux', () => `${hooks.join('\n')}\nawait app.register(llmux`)
    .replace('await app.listen', () => `${rest.join('\n')}\nawait app.listen`)
}

/** The README's client. */
export function client (): string {
  const [code] = blocks('ts').filter(code => code.includes("from 'openai'"))
  return code as string
}

/** The server of `docs/scopes.md`. */
export function scopesServer (): string {
  const [code] = blocks('ts', read('docs/scopes.md'))
  return code as string
}

/** The policy that `docs/policies.md` has as an example, as a module that exports it. */
export function examplePolicy (): string {
  const [code] = blocks('ts', read('docs/policies.md'))
  return `${code}\nexport default takeTurns\n`
}

/** The program of `docs/validate.md`. */
export function validateProgram (): string {
  const [code] = blocks('js', read('docs/validate.md'))
  return code as string
}
