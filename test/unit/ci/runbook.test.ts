import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { modelWarnings, otherWarnings } from '../../../lib/metrics/known-labels.ts'
import { startCauses } from '../../../lib/start-causes.ts'
import { codeWords, tablesUnder } from '../../helpers/readme.ts'

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const runbook = source('docs/runbook.md')
const firstCells = (heading: string) => tablesUnder('docs/runbook.md', heading).flat().map(([cell = '']) => cell)

describe('the runbook has', () => {
  test('every alert, and none that is not there, each with what it means, what to look at and what to do', () => {
    const { groups } = parse(source('deploy/alerts.yaml')) as { groups: Array<{ rules: Array<{ alert: string }> }> }
    const [, alerts = ''] = runbook.split('\n## Alerts\n')
    const sections = alerts.split(/^## /m)[0]!.split(/^### /m).slice(1)
    expect(sections.map(section => codeWords(section)[0])).toEqual(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)))
    for (const section of sections) for (const part of ['Means', 'Look at', 'Do']) expect(section).toContain(`- **${part}** `)
  })

  test('every cause of a failed start', () => {
    expect(firstCells('## Why a start fails').map(cell => codeWords(cell)[0])).toEqual(Object.keys(startCauses))
    const stated = tablesUnder('docs/operations.md', '### Why a start fails').flat().map(([cell = '']) => codeWords(cell)[0])
    expect(stated).toEqual(Object.keys(startCauses))
  })

  test('every warning', () => {
    const stated = firstCells('### Warnings').map(cell => codeWords(cell)[0]!)
    expect(stated.toSorted()).toEqual([...new Set([...modelWarnings, ...otherWarnings])].toSorted())
  })

  test('every line that the code writes at warn and above', () => {
    const lines = firstCells('## Lines of the log').flatMap(codeWords)
    // What is written, by its fixed words; of a warning it is the message.
    const words: Record<string, RegExp | RegExp[]> = {
      'lib/cli/operate.ts': /^no page and no operators' routes/,
      'lib/cli/serve.ts': [/^no keys are set/, /not reloaded/],
      'lib/fleet/index.ts': /^node NAME is out/,
      'lib/host/preload.ts': /^preload of NAME failed/,
      'lib/host/log/overload.ts': /^overloaded: /,
      'lib/host/log/log.ts': /^engine NAME failed/
    }
    const files = readdirSync(new URL('../../../lib', import.meta.url), { recursive: true }).map(file => `lib/${String(file)}`).filter(file => file.endsWith('.ts'))
    const writers = files.filter(file => /\blog(ger)?(\.|\[[^\]]*)(warn|error|fatal)\b/.test(source(file)))
    expect(writers.sort()).toEqual(Object.keys(words).sort())
    for (const [file, patterns] of Object.entries(words)) for (const pattern of [patterns].flat()) expect(lines.some(line => pattern.test(line)), file).toBe(true)
    for (const pattern of [/FAILED/, /answered 503/, /cut after/, /awake for/]) expect(lines.some(line => pattern.test(line)), String(pattern)).toBe(true)
  })
})
