import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

// What an editor shows on hover is what stands before a name in the types.

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

describe('on hover there are words on', () => {
  test.for(['lib/index.ts', 'lib/admin/index.ts', 'lib/health/index.ts', 'lib/metrics/index.ts', 'lib/page/index.ts'])('the plugin of %s', path => {
    expect(source(path)).toMatch(/\*\/\nconst plugin = fp\([^]*\nexport default plugin\n/)
  })

  test('the decorator', () => {
    expect(source('lib/index.ts')).toMatch(/\/\*\* .*\*\/\n {4}llmux: Llmux\n/)
  })

  test('every field of the status', () => {
    const lines = source('lib/host/status.ts').split('\n')
    const fields = lines.flatMap((line, index) => /^ {2}\w+\??: /.test(line) ? [[line, lines[index - 1]!] as const] : [])
    expect(fields.length).toBeGreaterThan(40)
    for (const [field, before] of fields) expect(before, field).toMatch(/^ {2}\/\*\* \S.*[.!] ?.*\*\/$/)
  })
})
