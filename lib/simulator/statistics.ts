/** What one model's requests have seen. Milliseconds. */
export interface ModelStatistics {
  requests: number
  mean: number
  max: number
}

/** What all requests have seen. Milliseconds. */
export interface WaitStatistics {
  requests: number
  mean: number
  p50: number
  p95: number
  p99: number
  max: number
  /** The mean wait of the model that is served worst. */
  worstMean: number
  /** Jain's index over the models' mean waits: 1 if all wait the same, 1/n if one model does all the waiting. */
  jain: number
  models: Record<string, ModelStatistics>
}

/** One request's wait in milliseconds. */
export interface Wait {
  model: string
  wait: number
}

export function waitStatistics (waits: readonly Wait[]): WaitStatistics {
  const models: Record<string, ModelStatistics> = {}
  for (const { model, wait } of waits) {
    const own = models[model] ??= { requests: 0, mean: 0, max: 0 }
    own.requests++
    own.mean += (wait - own.mean) / own.requests
    own.max = Math.max(own.max, wait)
  }
  const sorted = Float64Array.from(waits, ({ wait }) => wait).sort()
  const means = Object.values(models).map(({ mean }) => mean)
  return {
    requests: sorted.length,
    mean: sorted.length === 0 ? 0 : sorted.reduce((sum, wait) => sum + wait, 0) / sorted.length,
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
    worstMean: Math.max(0, ...means),
    jain: jain(means),
    models
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
