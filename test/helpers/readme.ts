import { readFileSync } from 'node:fs'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

export const readme = read('README.md')

/** The code blocks of a language, in order; of another text than the README if there is one. */
export function blocks (language: string, text = readme): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code as string)
}

/** The cells of the rows of the first table after a heading. */
export function tableAfter (heading: string): string[][] {
  const [, rest = ''] = readme.split(`\n${heading}\n`)
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
 * The README's server with all its other snippets in it, as somebody would write who takes them all: hooks before the
 * plugin is registered, the rest before the server listens.
 */
export function completeServer (): string {
  const [server, ...parts] = blocks('ts').filter(code => !code.includes("from 'openai'")) as [string, ...string[]]
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
