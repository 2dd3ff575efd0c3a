export const policyNames = ['even-handed', 'fifo', 'cost-aware', 'time-slice', 'simple'] as const

export type PolicyName = typeof policyNames[number]

/** All durations in milliseconds. */
export interface Question {
  csv: string
  policies: readonly PolicyName[]
  cost: number
  start: number
  maxConcurrency: number
}

export type Answer =
  | { kind: 'read', requests: number, models: number, span: number }
  | { kind: 'result', policy: PolicyName, row: Record<string, string>, mean: number, picture: string }
  | { kind: 'done' }
  | { kind: 'failed', message: string }
