export interface AverageOptions {
  /** What it is taken for until something has been measured. */
  initial: number
  /** Weight of a new value once there have been several: above 0, at most 1. */
  weight: number
  /** A new value counts as at most so many times the average: one that hung for minutes says little of the next. */
  outlier: number
}

/** An average that follows change, forgets slowly and does not fall for a single outlier. */
export class MovingAverage {
  readonly #options: AverageOptions
  #value: number | undefined
  #count = 0

  /** With `value`, what was learned in an earlier run. */
  constructor (options: AverageOptions, value?: number) {
    this.#options = options
    this.#value = value
    // As good as many: one measurement of today does not outweigh it.
    if (value !== undefined) this.#count = Math.ceil(1 / options.weight)
  }

  /** Undefined until something has been measured. */
  get learned (): number | undefined {
    return this.#value
  }

  get value (): number {
    return this.#value ?? this.#options.initial
  }

  add (measured: number): void {
    const { initial, weight, outlier } = this.#options
    // Of next to nothing no multiple is large enough.
    const largest = Math.max(this.value, initial / 10) * outlier
    const counted = this.#value === undefined ? measured : Math.min(measured, largest)
    // The first ones count alike.
    this.#value = this.value + (counted - this.value) * Math.max(weight, 1 / ++this.#count)
  }
}
