import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../../.ci/results.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'llmux-results-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The last line it writes, and how it ends. */
function results (steps: string[], files: Record<string, string> = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const { status, stdout } = spawnSync(process.execPath, [program, ...steps], { cwd: directory, encoding: 'utf8' })
  return [stdout.trimEnd().split('\n').at(-1), status]
}

const vitest = (...files: string[][]) => JSON.stringify({
  testResults: files.map(tests => ({
    status: tests.length > 0 && tests.every(status => status === 'passed') ? 'passed' : 'failed',
    assertionResults: tests.map(status => ({ status }))
  }))
})

const tap = `# Subtest: test/process/a.test.ts
    # Subtest: a test with an inner one
        ok 1 - first
        # Subtest: inner
            ok 1 - second
            1..1
        ok 2 - inner
        1..2
    ok 1 - a test with an inner one
    # Subtest: only a room for others
        # Subtest: in it
            ok 1 - third
            ok 2 - fourth
            1..2
        ok 1 - in it
        1..1
    ok 2 - only a room for others
    ok 3 - left out # SKIP
    1..3
ok 1 - test/process/a.test.ts
`

test('adds up the tests of both tools, over all steps', () => {
  expect(results(['install=0', 'a=0:v.json,t.tap', 'b=0:v.json'], { 'v.json': vitest(['passed', 'passed'], ['passed']), 't.tap': `${tap}1..1\n` }))
    .toEqual(['9 passed, 0 failed', 0])
})

test('a test fails with any of its assertions, and those around it do not fail with it', () => {
  const failing = tap.replace('            ok 1 - third', '            not ok 1 - third').replace('        ok 1 - in it', '        not ok 1 - in it')
    .replace('    ok 2 - only', '    not ok 2 - only').replace('ok 1 - test/process', 'not ok 1 - test/process')
  expect(results(['a=1:f.tap'], { 'f.tap': `${failing}1..1\n` })).toEqual(['2 passed, 1 failed', 1])
})

test('a file that crashed after its tests had passed has failed', () => {
  expect(results(['a=1:c.tap'], { 'c.tap': `${tap.replace('ok 1 - test/process', 'not ok 1 - test/process')}1..1\n` })).toEqual(['3 passed, 1 failed', 1])
})

test('what vitest never got to has failed, and so has a file that could not be loaded', () => {
  expect(results(['a=0:p.json'], { 'p.json': vitest(['passed', 'pending', 'skipped', 'todo'], []) })).toEqual(['1 passed, 4 failed', 1])
})

test('a step that failed without a failed test is a failure', () => {
  expect(results(['lint=1', 'a=0:v.json'], { 'v.json': vitest(['passed']) })).toEqual(['1 passed, 1 failed', 1])
  expect(results(['a=1:v.json,never-got-there.tap'], { 'v.json': vitest(['passed']) })).toEqual(['1 passed, 1 failed', 1])
})

test('a step that claims success without results is one too, and so is nothing at all', () => {
  expect(results(['a=0:none.tap'])).toEqual(['0 passed, 1 failed', 1])
  expect(results(['a=0:e.json'], { 'e.json': vitest() })).toEqual(['0 passed, 1 failed', 1])
  expect(results([])).toEqual(['0 passed, 0 failed', 1])
})
