export const policyNames = ['even-handed', 'fifo', 'cost-aware', 'time-slice', 'simple'] as const

export type PolicyName = typeof policyNames[number]

/** All durations in milliseconds. */
export interface Question {
  csv: string
  policies: readonly PolicyName[]
  /** Of a switch, and of a start, where nothing has been learned of it. */
  cost: number
  start: number
  /** What has been learned of switches, by the model that goes and then by the one that comes, and of starts; missing if all are to be alike. */
  learned?: { wakes: Record<string, Record<string, number>>, starts: Record<string, number> }
  freeze: boolean
  maxConcurrency: number
}

export type Answer =
  | { kind: 'read', requests: number, models: number, span: number }
  | { kind: 'result', policy: PolicyName, row: Record<string, string>, mean: number, picture: string }
  | { kind: 'done' }
  | { kind: 'failed', message: string }
