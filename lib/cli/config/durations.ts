const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** The options that are milliseconds, wherever they stand outside `timeouts`. */
const names = new Set(['idleTimeout', 'idleStopTimeout', 'heartbeat', 'minActive', 'maxWait', 'coalesceWindow', 'minQuantum'])

/** `5m`, `90s`, `1.5h`, `250ms` as milliseconds; anything else as it is, for the plugin to judge. */
export function duration (value: unknown): unknown {
  const [, number, unit] = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) ?? [] : []
  return unit === undefined ? value : Math.round(Number(number) * units[unit]!)
}

type Section = Record<string, unknown>

const isSection = (value: unknown): value is Section => typeof value === 'object' && value !== null && !Array.isArray(value)

function mapSection (section: unknown, change: (name: string, value: unknown) => unknown): unknown {
  if (!isSection(section)) return section
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, change(name, value)]))
}

function inSection (name: string, value: unknown): unknown {
  if (name === 'timeouts') return mapSection(value, (_, limit) => duration(limit))
  return names.has(name) ? duration(value) : value
}

/** The options with their durations in milliseconds. */
export function withDurations (options: Section): unknown {
  return mapSection(options, (name, value) => {
    if (name === 'models') return mapSection(value, (_, model) => mapSection(model, inSection))
    if (name === 'policy') return mapSection(value, inSection)
    return inSection(name, value)
  })
}
