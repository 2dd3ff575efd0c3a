/** As one says it: 0.4 s, 12 s, 3 min, 2 h 5 min. */
export function duration (milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1_000
  if (seconds < 0.0095) return `${Math.round(milliseconds)} ms`
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  if (seconds < 119.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.floor(hours / 24)} d`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** Whole seconds, for what ticks. */
export function ticking (milliseconds: number): string {
  return milliseconds < 120_000 ? `${Math.max(0, Math.round(milliseconds / 1_000))} s` : duration(milliseconds)
}

export function bytes (value: number): string {
  if (value < 1_024) return `${value} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let index = -1
  do {
    value /= 1_024
    index++
  } while (value >= 1_000 && index < units.length - 1)
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[index]}`
}

export function clockTime (time: number): string {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
}

export const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

/** The short name of a node. */
export const hostOf = (origin: string) => URL.canParse(origin) ? new URL(origin).host : origin

/** The value below which that share lies; undefined of nothing. */
export function percentile (values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}
