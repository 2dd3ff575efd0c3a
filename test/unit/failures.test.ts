import { readdirSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

function sources (path: string): string {
  if (!statSync(root + path).isDirectory()) return readFileSync(root + path, 'utf8')
  return readdirSync(root + path).map(name => sources(`${path}/${name}`)).join('\n')
}

const page = readFileSync(`${root}docs/failures.md`, 'utf8')
const rows = [...page.matchAll(/^\| ([RG][\d, RG]+) \| .* \| `(.*)` \| (.*) \|$/gm)].map(([, failure, where, title]) => ({ failure: failure!, where: where!, title: title! }))

describe('docs/failures.md', () => {
  test('names a test for each failure', () => {
    const numbers = rows.filter(({ failure }) => failure.startsWith('R')).flatMap(({ failure }) => failure.match(/\d+/g)!.map(Number))
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 34, 35])
  })

  test.each(rows)('$failure: there is a test “$title”', ({ where, title }) => {
    expect(sources(where)).toContain(title)
  })

  test('speaks of no test file that is not there', () => {
    for (const [, path] of page.matchAll(/`(test\/[^`]+)`/g)) expect(statSync(root + path!), path).toBeDefined()
  })
})
