import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LlmuxError } from '../errors.ts'
import { simulateFleet } from '../fleet/simulate.ts'
import type { FleetSimulationResult } from '../fleet/simulate.ts'
import { jobOf } from './cli/arguments.ts'
import type { Job } from './cli/arguments.ts'
import { help } from './cli/help.ts'
import { UsageError } from './cli/usage-error.ts'
import { picture } from './picture.ts'
import { simulate } from './simulate.ts'
import type { SimulationResult } from './simulate.ts'
import { table } from './table.ts'

type Result = SimulationResult | FleetSimulationResult

try {
  const job = jobOf(process.argv.slice(2))
  if (job === undefined) console.log(help)
  else print(job, run(job))
} catch (error) {
  if (!(error instanceof UsageError || error instanceof LlmuxError)) throw error
  console.error(`${error.message}\n(--help says how it is used)`)
  process.exitCode = 2
}

function run ({ policies, ...job }: Job): Record<string, Result> {
  if (job.picture !== undefined) mkdirSync(job.picture, { recursive: true })
  return Object.fromEntries(Object.entries(policies).map(([name, policy]) => {
    if (job.nodes > 1) return [name, simulateFleet({ ...job, policy })]
    const { timeline, ...result } = simulate({ ...job, policy, timeline: job.picture !== undefined })
    const file = `${name.replace(/[^\w.-]+/g, '-').replace(/^-|-$/g, '')}.svg`
    if (timeline !== undefined) writeFileSync(join(job.picture!, file), picture(timeline, { title: name }))
    return [name, result]
  }))
}

function print ({ json, arrivals }: Job, results: Record<string, Result>): void {
  if (json) return console.log(JSON.stringify(results, undefined, 2))
  console.log(`${arrivals.length} requests; how long they wait, in seconds\n\n${table(results)}`)
}
