import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { resolveOptions } from '../../options/index.ts'
import type { PolicyOption } from '../../options/index.ts'
import type { Costs } from '../costs.ts'
import { merge, stretch } from '../traffic/arrival.ts'
import type { Arrival } from '../traffic/arrival.ts'
import { readCsv } from '../traffic/csv.ts'
import { generate } from './generate.ts'
import { UsageError } from './usage-error.ts'

export interface Job {
  arrivals: Arrival[]
  policies: Record<string, PolicyOption>
  costs: Costs
  maxConcurrency: number
  gpus: number
  nodes: number
  picture: string | undefined
  json: boolean
}

const everyPolicy: Record<string, PolicyOption> = {
  fifo: 'fifo',
  'fifo + 5 s': { type: 'fifo', minActive: 5_000 },
  'cost-aware': 'cost-aware',
  'time-slice': 'time-slice',
  simple: 'simple',
  'even-handed': 'even-handed'
}

const options = {
  model: { type: 'string', multiple: true },
  generate: { type: 'string', multiple: true, default: [] as string[] },
  duration: { type: 'string', default: '3600' },
  seed: { type: 'string', default: '1' },
  stretch: { type: 'string', default: '1' },
  policy: { type: 'string', multiple: true },
  cost: { type: 'string', default: '10' },
  start: { type: 'string' },
  concurrency: { type: 'string', default: '32' },
  gpus: { type: 'string', default: '1' },
  nodes: { type: 'string', default: '1' },
  picture: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false }
} as const

/** What the words after the command ask for; undefined if it is for help. Throws a `UsageError`, or what a file has wrong. */
export function jobOf (argv: readonly string[]): Job | undefined {
  const { values, tokens } = parsed(argv)
  if (values.help) return undefined
  const files = readFiles(tokens)
  const duration = number('duration', values.duration) * 1000
  const seed = number('seed', values.seed)
  const made = values.generate.map((spec, index) => generate(spec, { duration, seed: seed * 1000 + index }))
  const nodes = count('nodes', values.nodes)
  const gpus = count('gpus', values.gpus)
  if (nodes > 1 && (gpus > 1 || values.picture !== undefined)) throw new UsageError('--nodes goes with neither --gpus nor --picture: each node has one GPU')
  const arrivals = stretch(merge(...files, ...made), number('stretch', values.stretch))
  if (arrivals.length === 0) throw new UsageError('no requests: name a CSV file, or use --generate')
  return {
    arrivals,
    policies: values.policy === undefined ? everyPolicy : Object.fromEntries(values.policy.map(policy => [policy, policyOf(policy)])),
    costs: { switch: costOf(values.cost), ...(values.start !== undefined && { start: number('start', values.start) * 1000 }) },
    maxConcurrency: Math.max(1, number('concurrency', values.concurrency)),
    gpus,
    nodes,
    picture: values.picture,
    json: values.json
  }
}

function parsed (argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, tokens: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** A `--model` belongs to the file before it. */
function readFiles (tokens: ReturnType<typeof parsed>['tokens']): Arrival[][] {
  const files: { path: string, model?: string }[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') files.push({ path: token.value })
    if (token.kind !== 'option' || token.name !== 'model') continue
    const last = files.at(-1)
    if (last === undefined) throw new UsageError('--model comes after its file')
    last.model = token.value!
  }
  return files.map(({ path, model }) => {
    try {
      return readCsv(readFileSync(path, 'utf8'), { ...(model !== undefined && { model }) })
    } catch (error) {
      throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error })
    }
  })
}

function policyOf (text: string): PolicyOption {
  const policy = text.startsWith('{') ? json('policy', text) : text
  return resolveOptions({ models: { any: {} }, policy: policy as PolicyOption }).policy
}

function costOf (text: string): Costs['switch'] {
  if (!text.endsWith('.json')) return number('cost', text) * 1000
  const pairs = json('cost', readFileSync(text, 'utf8')) as Record<string, Record<string, number>>
  return Object.fromEntries(Object.entries(pairs).map(([from, row]) => [from, Object.fromEntries(Object.entries(row).map(([to, seconds]) => [to, seconds * 1000]))]))
}

function json (name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`, { cause: error })
  }
}

function count (name: string, text: string): number {
  return Math.max(1, Math.round(number(name, text)))
}

function number (name: string, text: string): number {
  const value = Number(text || NaN)
  if (!(value >= 0 && value < Infinity)) throw new UsageError(`--${name} is no number of at least 0: ${text}`)
  return value
}
