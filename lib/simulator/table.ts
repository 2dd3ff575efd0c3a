import type { SimulationResult } from './simulate.ts'

type Row = Omit<SimulationResult, 'duration' | 'timeline'>

/** What a table has of a result: seconds with a digit or two, shares in per cent. */
export function row ({ mean, p50, p95, p99, max, end, slowdown, switches, switching, worstMean, jain }: Row): Record<string, string> {
  return {
    mean: seconds(mean),
    p50: seconds(p50),
    p95: seconds(p95),
    p99: seconds(p99),
    max: seconds(max),
    end: seconds(end.mean),
    slowdown: slowdown.mean.toFixed(2),
    switches: String(switches),
    switching: `${(switching * 100).toFixed(1)} %`,
    'worst mean': seconds(worstMean),
    Jain: jain.toFixed(2)
  }
}

/** Results by name as a Markdown table, waits in seconds, padded so that it can be read as text too. */
export function table (results: Readonly<Record<string, Row>>, first = 'policy'): string {
  return markdown(Object.entries(results).map(([name, result]) => ({ [first]: name, ...row(result) })))
}

/** Rows of the same columns as a Markdown table; the first column to the left, the others to the right. */
export function markdown (rows: readonly Readonly<Record<string, string>>[]): string {
  const names = Object.keys(rows[0] ?? {})
  const widths = names.map(name => Math.max(3, name.length, ...rows.map(row => row[name]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join(' | ')} |`
  const rule = `|${widths.map((width, column) => column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`).join('|')}|`
  return [line(names), rule, ...rows.map(row => line(names.map(name => row[name]!)))].join('\n')
}

function seconds (milliseconds: number): string {
  const value = milliseconds / 1000
  return value.toFixed(value < 10 ? 2 : 1)
}
