export interface AverageOptions {
  /** The value before the first measurement. */
  initial: number
  /** The weight of a new value after the first few: above 0, at most 1. */
  weight: number
  /** The largest multiple of the average that a new value may count as: one that hung for minutes says little about the next. */
  outlier: number
}

/** An average that follows change, forgets slowly and resists single outliers. */
export class MovingAverage {
  readonly #options: AverageOptions
  #value: number | undefined
  #count = 0

  /** `value`: learned in an earlier run. */
  constructor (options: AverageOptions, value?: number) {
    this.#options = options
    this.#value = value
    // Counts as many measurements: one of today does not outweigh it.
    if (value !== undefined) this.#count = Math.ceil(1 / options.weight)
  }

  /** Undefined before the first measurement. */
  get learned (): number | undefined {
    return this.#value
  }

  get value (): number {
    return this.#value ?? this.#options.initial
  }

  add (measured: number): void {
    const { initial, weight, outlier } = this.#options
    // If the average is almost zero, no multiple of it is large enough.
    const largest = Math.max(this.value, initial / 10) * outlier
    const counted = this.#value === undefined ? measured : Math.min(measured, largest)
    // The first values have equal weight.
    this.#value = this.value + (counted - this.value) * Math.max(weight, 1 / ++this.#count)
  }
}
