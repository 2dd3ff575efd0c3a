import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { tables, withTables } from '../../../.ci/reference/index.js'
import { rows } from '../../../.ci/reference/options.js'
import { readConfigText } from '../../../lib/cli/config/read.ts'
import * as errors from '../../../lib/errors.ts'
import { Llmux } from '../../../lib/host/llmux.ts'
import { defaultTimeouts, modelDefaults, topDefaults, policyDefaults } from '../../../lib/options/defaults.ts'
import { validateOptions } from '../../../lib/options/validate.ts'
import { allRows, blocks, codeWords, documents, pagesOfParts, readme, tableAfter } from '../../helpers/readme.ts'

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

test.for(Object.keys(tables))('the generated tables are up to date with `npm run readme`: %s', document => {
  const text = source(document)
  expect(withTables(text, document)).toBe(text)
})

describe('every default that a table states in numbers or as a literal is the real one', () => {
  const policies = Object.fromEntries(['EvenHandedOptions', 'FifoOptions', 'CostAwareOptions', 'TimeSliceOptions', 'SimpleOptions'].map((name, index) => [name, Object.values(policyDefaults)[index]]))
  const defaults = { LlmuxOptions: topDefaults(), ModelOptions: modelDefaults('name'), Timeouts: defaultTimeouts, ...policies }

  /** `300 000`, `33 554 432 (32 MiB)`, `'vllm'` in backticks; undefined if it is put in words. */
  function literal (text: string): unknown {
    const [, number] = /^(\d[\d ]*\d|\d)(?= \(|,|$)/.exec(text) ?? []
    if (number !== undefined) return Number(number.replaceAll(' ', ''))
    const [, code] = /^`([^`]+)`$/.exec(text) ?? []
    return code === undefined || code.startsWith('nvidia') ? undefined : JSON.parse(code.replaceAll("'", '"'))
  }

  test.for(Object.entries(defaults))('%s', ([name, real]) => {
    const stated = rows(name).map(({ name, fallback }) => [name, fallback.startsWith('the top-level') ? undefined : literal(fallback)] as const)
    const literals = stated.filter(([, value]) => value !== undefined)
    expect(literals.length).toBeGreaterThan(0)
    for (const [name, value] of literals) expect({ [name]: (real as Record<string, unknown>)[name] }).toEqual({ [name]: value })
  })
})

test('all error codes are in the tables of docs/errors.md, with their status', () => {
  const classes = Object.values(errors).filter(value => value !== errors.LlmuxError) as Array<new () => errors.LlmuxError>
  const real = classes.map(Class => new Class()).map(({ code, statusCode }) => [code, String(statusCode)])
  const stated = allRows('docs/errors.md').map(([code = '', , status]) => [codeWords(code)[0], status])
  expect(stated.sort()).toEqual(real.sort())
  for (const [, code] of readme.matchAll(/`(LLMUX_ERR_\w+)`/g)) expect(real.map(([code]) => code)).toContain(code)
})

test('everything that fastify.llmux has is in its table', () => {
  const methods = Object.getOwnPropertyNames(Llmux.prototype).filter(name => name !== 'constructor')
  const stated = tableAfter('docs/reference/api.md', '## `fastify.llmux`').map(([cell = '']) => /\w+/.exec(cell)?.[0])
  expect(stated.sort()).toEqual([...methods, 'events'].sort())
})

test('every operators’ route is in the table of docs/admin.md', () => {
  const code = readdirSync(new URL('../../../lib/admin', import.meta.url)).map(name => source(`lib/admin/${name}`)).join('\n')
  expect(tableAfter('docs/admin.md', "<!-- operators' routes: made by `npm run readme` -->")).toHaveLength(code.match(/scope\.(get|post|put|patch|delete|route)\b/g)!.length)
})

test('the environment of the example app is the one that it reads', () => {
  const code = source('example-app/config.js')
  const read = [...code.matchAll(/env\['(\w+)'\]|\b([A-Z_]{4,}): \w+ =/g)].map(([, a, b]) => a ?? b)
  const stated = tableAfter('example-app/README.md', '## Environment').flatMap(([names = '']) => codeWords(names)).filter(name => !name.startsWith('MOCK_'))
  expect(stated.sort()).toEqual([...new Set(read)].sort())
})

test('the README names only scripts that there are, and stays short', () => {
  const { scripts } = JSON.parse(source('package.json'))
  for (const [, , script] of readme.matchAll(/npm (run )?(demo|test|start|readme)\b/g)) expect(scripts).toHaveProperty(script as string)
  expect(readme.split(/\s+/).length).toBeLessThanOrEqual(1_200)
})

/** The anchors of a document, as GitHub and VitePress derive them from its headings. */
function anchors (text: string): string[] {
  return [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)]
    .map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\w\- ]/g, '').trim().replaceAll(' ', '-'))
}

test.for(documents)('every link in %s leads somewhere', path => {
  const text = source(path).replaceAll(/^```[^]*?^```/gm, '')
  for (const [, link = ''] of text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : new URL(file, `file:///${path}`).pathname.slice(1)
    expect(existsSync(new URL(`../../../${target}`, import.meta.url)), `${path} links to ${link}`).toBe(true)
    if (anchor !== undefined) expect(anchors(source(target)), `${path} links to ${link}`).toContain(anchor)
  }
})

test('the contents have every page, and the README has the contents', () => {
  const contents = source('docs/index.md')
  for (const page of documents.filter(path => path.startsWith('docs/') && path !== 'docs/index.md')) expect(contents).toContain(`](${page.slice('docs/'.length)})`)
  expect(readme).toContain('](docs/index.md)')
})

test('the file of llama-swap in docs/moving.md is read', () => {
  const [text] = blocks('yaml', source('docs/moving.md')) as [string]
  const { shape, options } = readConfigText(text, 'config.yaml')
  expect(shape).toBe('llama-swap')
  expect(options.models['qwen-14b']).toMatchObject({ engine: 'openai', aliases: ['qwen'], idleTimeout: 300_000 })
})

describe('every snippet of code is run by a test:', () => {
  const tests = readdirSync(new URL('../../../test', import.meta.url), { recursive: true }).map(String)
    .filter(name => name.endsWith('.ts') && !name.includes('node_modules')).map(name => source(`test/${name}`)).join('\n')

  test.for(documents.filter(path => path.startsWith('docs/')))('%s', path => {
    const hasCode = [...blocks('ts', source(path)), ...blocks('js', source(path))].length > 0
    if (hasCode && !pagesOfParts.includes(path)) expect(tests.includes(path), `a test that reads ${path}`).toBe(true)
    // A file of options is taken as it stands; those of other tools have a test of their own.
    if (path === 'docs/moving.md') return
    for (const text of blocks('yaml', source(path))) {
      const { server, ...options } = parse(text) as { server?: unknown, models: Record<string, object> }
      expect(() => validateOptions(options as never), text).not.toThrow()
    }
  })
})
