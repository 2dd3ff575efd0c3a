/** From when on a model was in a state. Milliseconds since the beginning. */
export interface Moment {
  time: number
  state: 'asleep' | 'awake' | 'draining' | 'switching'
}

/** How many waited from that time on. */
export interface Length {
  time: number
  waiting: number
}

export interface Lane {
  moments: Moment[]
  lengths: Length[]
}

/** What happened to each model, for a picture. */
export class Timeline {
  readonly lanes: Record<string, Lane>
  end = 0

  constructor (models: readonly string[]) {
    this.lanes = Object.fromEntries(models.map(model => [model, { moments: [], lengths: [] }]))
  }

  state (model: string, time: number, state: Moment['state']): void {
    this.lanes[model]!.moments.push({ time, state })
    this.end = Math.max(this.end, time)
  }

  waiting (model: string, time: number, change: number): void {
    const { lengths } = this.lanes[model]!
    const last = lengths.at(-1)
    // A request that is admitted at once has not waited.
    if (last?.time === time) last.waiting += change
    else lengths.push({ time, waiting: (last?.waiting ?? 0) + change })
    this.end = Math.max(this.end, time)
  }
}
