/** Milliseconds from the decision's drain being over to the new model being awake. */
export interface Costs {
  /** For every pair alike, or by the model that goes and then by the model that comes. */
  switch: number | Readonly<Record<string, Readonly<Record<string, number>>>>
  /** A model's first start, in place of its switch; alike for all or by model. Default: as any switch. */
  start?: number | Readonly<Record<string, number>>
  /**
   * For each request that an engine was frozen with: until it has computed the request's tokens again, after the wake and
   * one after the other. Default 0.
   */
  thaw?: number
}

/** What one switch costs; `from` is undefined if nobody had to go, `cold` says that the engine was never started before. */
export function costOf ({ switch: pairs, start }: Costs, from: string | undefined, to: string, cold: boolean): number {
  const startCost = typeof start === 'object' ? start[to] : start
  if (cold && startCost !== undefined) return startCost
  if (typeof pairs === 'number') return pairs
  const column = from === undefined ? Math.min(...Object.values(pairs).map(row => row[to] ?? Infinity)) : pairs[from]?.[to]
  if (column === undefined || !(column >= 0 && column < Infinity)) throw new RangeError(`no cost of a switch from ${from} to ${to}`)
  return column
}
