import { freedShare, medianOf } from './judge.ts'
import { mebibytes, percent, seconds } from './words.ts'
import type { LevelReport, ModelReport, ValidationReport } from './types.ts'

const headings = ['model', 'level', 'verdict', 'start', 'sleep', 'wake', 'freed', 'host memory', 'freeze']

/** Columns wide enough for what is in them. */
function align (rows: string[][]): string[] {
  const widths = headings.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
}

const signed = (bytes: number): string => `${bytes <= -(1024 ** 2) ? '-' : '+'}${mebibytes(Math.max(bytes, -bytes))}`

function row (model: string, report: LevelReport): string[] {
  const { level, verdict, phases, cycles, gpu, host, freeze } = report
  const time = (value: number | undefined) => value === undefined ? '-' : seconds(value)
  const typical = (phase: string) => time(cycles.length === 0 ? undefined : medianOf(report, phase))
  const freed = gpu !== undefined && gpu.asleep.length > 0 && gpu.awake > gpu.before ? `${percent(freedShare(gpu))} of ${mebibytes(gpu.awake - gpu.before)}` : '-'
  const grown = host !== undefined && host.asleep.length > 0 ? signed(Math.max(...host.asleep) - host.awake) : '-'
  return [model, String(level), verdict, time(phases['start']), typical('sleep'), typical('wake'), freed, grown, freeze?.verdict ?? '-']
}

function sentences ({ model, levels, best }: ModelReport): string[] {
  const lines = levels.map(({ level, verdict, why, notChecked, freeze }) => {
    const unchecked = notChecked.map(what => `\n    not checked: ${what}`).join('')
    const frozen = freeze === undefined ? '' : `\n    freeze is ${freeze.verdict}: ${freeze.why}`
    return `  level ${level} is ${verdict}: ${why}${unchecked}${frozen}`
  })
  const advice = best === undefined ? 'no level that was looked at is safe' : `choose level ${best}: the quickest that is safe`
  const isSafe = (wanted: number) => levels.some(({ level, verdict }) => level === wanted && verdict === 'safe')
  const both = isSafe(1) && isSafe(2) ? '; where host memory is short, level 2 is safe too: set sleepLevel to auto, and level2Safe to true' : ''
  return [`${model}: ${advice}${both}`, ...lines]
}

/** A table, and under it what each verdict means, for people. */
export function reportText ({ cycles, models }: ValidationReport): string {
  const rows = models.flatMap(({ model, levels }) => levels.map(report => row(model, report)))
  return [
    ...align([headings, ...rows]),
    `sleep and wake: the median of ${cycles}. freed: the least of GPU memory. host memory: the most that it grew while asleep.`,
    '',
    ...models.flatMap(sentences)
  ].join('\n')
}
