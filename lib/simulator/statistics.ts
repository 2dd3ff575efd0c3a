/** How some values are spread. */
export interface Spread {
  mean: number
  p50: number
  p95: number
  p99: number
  max: number
}

/** What one model's requests have seen. Waits in milliseconds. */
export interface ModelStatistics extends Spread {
  requests: number
  /** As for all of them. */
  end: Spread
  /** As for all of them. */
  slowdown: Spread
}

/** What all requests have seen: how long they waited to be let in, in milliseconds. */
export interface WaitStatistics extends Spread {
  requests: number
  /** Milliseconds from the arrival until the last byte. */
  end: Spread
  /** That time, over the time the request would have taken alone on an engine that is awake. */
  slowdown: Spread
  /** The mean wait of the model that is served worst. */
  worstMean: number
  /** Jain's index over the models' mean waits: 1 if all wait the same, 1/n if one model does all the waiting. */
  jain: number
  models: Record<string, ModelStatistics>
}

/** What one request has seen. Milliseconds. */
export interface Wait {
  model: string
  wait: number
  /** From its arrival until its last byte. */
  end: number
  /** What its engine has to do for it. */
  service: number
}

export function waitStatistics (waits: readonly Wait[]): WaitStatistics {
  const byModel: Record<string, Wait[]> = {}
  for (const wait of waits) (byModel[wait.model] ??= []).push(wait)
  const models = Object.fromEntries(Object.entries(byModel).map(([model, own]) => [model, statistics(own)]))
  const means = Object.values(models).map(({ mean }) => mean)
  return { ...statistics(waits), worstMean: Math.max(0, ...means), jain: jain(means), models }
}

function statistics (waits: readonly Wait[]): ModelStatistics {
  return {
    requests: waits.length,
    ...spread(waits, ({ wait }) => wait),
    end: spread(waits, ({ end }) => end),
    // What takes no time is done when it is let in: it has no slowdown.
    slowdown: spread(waits.filter(({ service }) => service > 0), ({ end, service }) => end / service)
  }
}

function spread (waits: readonly Wait[], value: (wait: Wait) => number): Spread {
  const sorted = Float64Array.from(waits, value).sort()
  return {
    mean: sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? 0
  }
}

/** The smallest that so many are not above; 0 if there is none. */
export function quantile (sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

/** Jain's index of fairness; 1 if there is nothing to share out. */
export function jain (values: readonly number[]): number {
  const sum = values.reduce((sum, value) => sum + value, 0)
  const squares = values.reduce((sum, value) => sum + value * value, 0)
  return squares === 0 ? 1 : sum * sum / (values.length * squares)
}

/** The geometric mean, by which ratios are averaged. */
export function geometricMean (values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
