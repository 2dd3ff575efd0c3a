import { Counter, Gauge, Histogram } from 'prom-client'
import type { Metric, Registry } from 'prom-client'
import { buckets, catalogue } from './catalogue.ts'
import type { CounterName, GaugeName, HistogramName, MetricName, MetricSpec } from './catalogue.ts'
import { knownSeries, modelHistograms } from './known-labels.ts'

/** One value for each label, in the order of the catalogue. */
export type Labels = Record<string, string>

/** The metrics of the catalogue in one registry. */
export class Instruments {
  readonly #registry: Registry
  readonly #metrics = new Map<string, Metric>()
  /** Histograms that have been set to 0: doing so again would lose what they have counted. */
  readonly #begun = new Set<string>()

  /** `onScrape` is called before the values are read. */
  constructor (registry: Registry, onScrape: () => void) {
    this.#registry = registry
    for (const [name, { type, help, labels }] of Object.entries<MetricSpec>(catalogue)) {
      // prom-client reads them in the order of their registration: the first one updates all.
      const collect = this.#metrics.size === 0 && { collect: onScrape }
      const common = { name, help, labelNames: [...labels], registers: [registry], ...collect }
      if (type === 'histogram') this.#metrics.set(name, new Histogram({ ...common, buckets }))
      if (type === 'counter') this.#metrics.set(name, new Counter(common))
      if (type === 'gauge') this.#metrics.set(name, new Gauge(common))
    }
  }

  /**
   * Starts every series with known labels at 0: Prometheus does not see the first step of a series that begins at 1. Keeps
   * what has been counted.
   */
  begin (models: Parameters<typeof knownSeries>[0]): void {
    const byModel = Object.entries<MetricSpec>(catalogue).filter(([, { type, labels }]) => type === 'counter' && labels.join() === 'model')
    for (const { name: model } of models) byModel.forEach(([name]) => this.count(name as CounterName, { model }, 0))
    for (const [name, labels] of knownSeries(models)) this.count(name, labels, 0)
    for (const [name, label] of modelHistograms) models.forEach(model => this.#beginHistogram(name, { [label]: model.name }))
  }

  count (name: CounterName, labels: Labels, value = 1): void {
    this.#get<Counter>(name).inc(labels, value)
  }

  observe (name: HistogramName, labels: Labels, seconds: number): void {
    this.#get<Histogram>(name).observe(labels, seconds)
  }

  set (name: GaugeName, labels: Labels, value: number): void {
    this.#get<Gauge>(name).set(labels, value)
  }

  /** Removes them from the registry. */
  remove (): void {
    for (const name of this.#metrics.keys()) this.#registry.removeSingleMetric(name)
  }

  #beginHistogram (name: HistogramName, labels: Labels): void {
    const key = `${name} ${JSON.stringify(labels)}`
    if (!this.#begun.has(key)) this.#get<Histogram>(name).zero(labels)
    this.#begun.add(key)
  }

  #get<Kind extends Metric> (name: MetricName): Kind {
    return this.#metrics.get(name) as Kind
  }
}
