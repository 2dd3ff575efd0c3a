import type { Policy } from './policy-types.ts'

/** Weighs what the others wait against what those of the awake model would wait. */
export interface EvenHandedOptions {
  /** The policy's name. */
  type: 'even-handed'
  /** How much waiting must have accumulated for other models, as a share of the waiting that leaving would cause. Default 0.5. Above 0. */
  beta?: number
  /** Milliseconds after which a request is overdue; three times the cost of a switch there and back, if that is more. Default 60 000. Minimum 0. */
  maxWait?: number
}

/** Leave at the first request for another model, oldest first. */
export interface FifoOptions {
  /** The policy's name. */
  type: 'fifo'
  /** Milliseconds that a model stays awake before another one may replace it. Default 0. Minimum 0. */
  minActive?: number
}

/** As `cost_aware` of llmux 0.9: collect requests until a switch pays. */
export interface CostAwareOptions {
  /** The policy's name. */
  type: 'cost-aware'
  /** Requests that must wait for each second that the switch costs. Default 0.5. Minimum 0. */
  amortizationFactor?: number
  /** Milliseconds after which the first waiting request is reason enough. Default 2 000. Minimum 0. */
  coalesceWindow?: number
  /** Milliseconds after which a request is overdue. Default 15 000. Minimum 0. */
  maxWait?: number
}

/** As `time_slice` of llmux 0.9: stay until the model has nothing to do. */
export interface TimeSliceOptions {
  /** The policy's name. */
  type: 'time-slice'
  /** Milliseconds that a model stays awake, unless a request is overdue. Default 2 000. Minimum 0. */
  minQuantum?: number
  /** Milliseconds after which a request is overdue. Default 15 000. Minimum 0. */
  maxWait?: number
}

/** Counts requests: no estimates but the switch cost. */
export interface SimpleOptions {
  /** The policy's name. */
  type: 'simple'
  /** Requests that must wait for each one in flight at the awake model. Default 3. Minimum 0. */
  perRequest?: number
  /** Further requests that must wait for each second that the switch costs. Default 0.3. Minimum 0. */
  perSecond?: number
  /** Milliseconds after which a request is overdue. Default 120 000. Minimum 0. */
  maxWait?: number
}

/** Policies with their options. */
export type PolicyOptions = EvenHandedOptions | FifoOptions | CostAwareOptions | TimeSliceOptions | SimpleOptions

/** Which policy decides when to switch, and to whom: one of ours, or a function of your own. */
export type PolicyOption = PolicyOptions['type'] | PolicyOptions | Policy

/** A policy's options with every default filled in. */
export type ResolvedPolicy = Required<EvenHandedOptions> | Required<FifoOptions> | Required<CostAwareOptions> | Required<TimeSliceOptions> | Required<SimpleOptions>
