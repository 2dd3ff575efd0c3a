import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { validateOptions } from '../../../lib/options/validate.ts'

// Whoever follows a piece of advice must not be refused for it: every option that a text names is tried.

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const inFolder = (folder: string, end: string) => readdirSync(new URL(`../../../${folder}`, import.meta.url)).filter(name => name.endsWith(end)).map(name => `${folder}/${name}`)

/** What an option may be, to try whether there is one of that name. */
const samples = [1, 5_000, true, 'x', 'info', '/x', 'http://127.0.0.1:1', ['x'], ['/v1/completions'], {}, () => true]

function isTaken (options: (value: unknown) => object): boolean {
  return samples.some(value => {
    try {
      validateOptions({ models: { a: {} }, ...options(value) } as never)
      return true
    } catch {
      return false // it is something else, or there is none of that name
    }
  })
}

/** `timeouts.drain`, `policy.beta`, `record.arrivals`. Of policies by default the one that is chosen if nothing is. */
function isGrouped (option: string, policies = ['even-handed']): boolean {
  const [group, name] = option.split('.') as [string, string]
  if (group !== 'policy') return isTaken(value => ({ [group]: { [name]: value } }))
  return policies.some(type => isTaken(value => ({ policy: { type, [name]: value } })))
}

const isTop = (name: string) => name === 'models' || isTaken(value => ({ [name]: value }))
const isOfModel = (name: string) => isTaken(value => ({ models: { a: { [name]: value } } }))
const isOption = (name: string) => isTop(name) || isOfModel(name)

const grouped = (text: string) => [...new Set(text.match(/\b(?:timeouts|policy|record)\.[a-z]\w+\b/g) ?? [])].filter(name => !/\.(ts|md|js)$/.test(name))

/** What is no option: fields of the status and of log lines, a setting of Kubernetes. */
const others = new Set(['startCause', 'lastLines', 'reqId', 'gpuMemory', 'terminationGracePeriodSeconds'])

test('what there is not is not taken', () => {
  for (const name of ['policy.minActive', 'timeouts.nothing', 'record.nothing', 'policy.nothing']) expect(isGrouped(name), name).toBe(false)
  expect(isOption('nothingOfThatName')).toBe(false)
})

describe('what operators are told to do:', () => {
  const dashboard = JSON.parse(read('deploy/grafana-dashboard.json')) as { description: string, panels: Array<{ description: string }> }
  const texts: Record<string, string> = {
    'deploy/alerts.yaml': read('deploy/alerts.yaml'),
    'deploy/grafana-dashboard.json': [dashboard.description, ...dashboard.panels.map(({ description }) => description)].join('\n'),
    'docs/runbook.md': read('docs/runbook.md')
  }

  test.for(Object.keys(texts))('%s names only options that the default policy takes', file => {
    for (const option of grouped(texts[file]!)) expect(isGrouped(option), option).toBe(true)
    // Written as options are, beginning small and with a capital in the midst.
    const words = new Set(texts[file]!.replaceAll(/\{\{.*?\}\}/g, '').match(/(?<![\w.$/<>-])[a-z]+(?:[A-Z][a-z]+)+\b(?!\()/g) ?? [])
    for (const word of words) if (!others.has(word)) expect(isOption(word), word).toBe(true)
  })

  test('and some are named', () => {
    expect(grouped(Object.values(texts).join('\n')).length).toBeGreaterThan(5)
  })
})

// One of them is about the options of another program.
const documents = [...inFolder('docs', '.md'), ...inFolder('docs/reference', '.md')].filter(file => file !== 'docs/moving.md')

test.for(['README.md', 'lib/errors.ts', ...documents])('%s names only options that there are', file => {
  for (const option of grouped(read(file))) expect(isGrouped(option, ['even-handed', 'fifo', 'cost-aware', 'time-slice', 'simple']), option).toBe(true)
})
