import { writeFile } from 'node:fs/promises'
import { systemClock } from '../clock.ts'
import { reportText, validate, type LevelReport, type ValidationReport } from '../validate/index.ts'
import type { ValidateArguments } from './arguments.ts'
import { readConfig } from './config/read.ts'
import { writeLevels } from './config/write-levels.ts'

/**
 * Resolves with the exit code: 1 if a level is broken, or loses answers that it should freeze. The table goes to stdout,
 * progress to stderr.
 */
export async function runValidate (args: ValidateArguments): Promise<number> {
  const { config: file, models, levels, cycles, share, json, write } = args
  const { options, notes } = await readConfig(file)
  for (const { field, text } of notes) console.error(`${file}: ${field} ${text}`)
  const interrupt = interruption()
  try {
    const report = await validate(options, {
      clock: systemClock,
      signal: interrupt.signal,
      onLevel: tellProgress,
      ...(models && { models }),
      ...(levels && { levels }),
      ...(cycles !== undefined && { cycles }),
      ...(share !== undefined && { share })
    })
    console.log(reportText(report))
    if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
    if (write) await writeBest(file, report)
    const lost = report.models.some(({ levels }) => levels.some(({ freeze }) => freeze?.verdict === 'broken'))
    return report.verdict === 'broken' || lost ? 1 : 0
  } finally {
    interrupt.forget()
  }
}

function tellProgress (model: string, level: number, report?: LevelReport): void {
  console.error(report === undefined ? `${model}, level ${level}: starting, sleeping, waking …` : `${model}, level ${level}: ${report.verdict}`)
}

async function writeBest (file: string, { models }: ValidationReport): Promise<void> {
  const best = new Map(models.flatMap(({ model, best }) => best === undefined ? [] : [[model, best] as const]))
  const level2Safe = new Map(models.flatMap(({ model, levels }) => levels.filter(({ level }) => level === 2).map(({ verdict }) => [model, verdict === 'safe'] as const)))
  await writeLevels(file, best, level2Safe)
  for (const { model } of models) {
    const level = best.get(model)
    console.log(level === undefined ? `${file}: no change for ${model}, since no level is safe` : `${file}: ${model} now sleeps at level ${level}`)
  }
}

/** Aborts at SIGINT and SIGTERM, so that engines are stopped in order. A second signal ends the process at once, as usual. */
function interruption (): { signal: AbortSignal, forget: () => void } {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const listener = (signal: NodeJS.Signals) => {
    forget()
    controller.abort(new Error(`interrupted by ${signal}`))
  }
  const forget = () => { for (const signal of signals) process.off(signal, listener) }
  for (const signal of signals) process.on(signal, listener)
  return { signal: controller.signal, forget }
}
