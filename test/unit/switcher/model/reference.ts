import type { RequestState } from '../../../../lib/events.ts'
import type { Comeback } from '../../../../lib/switcher/queue.ts'
import type { Lease } from '../../../../lib/switcher/lease.ts'

/** One request, as the events tell it. */
export interface Entry {
  readonly number: number
  readonly model: string
  readonly bytes: number
  readonly comeback: Comeback | undefined
  /** When it was frozen last. */
  frozenAt: number
  /** Whether it may be frozen. */
  readonly freezable: boolean
  /** When it first came. */
  readonly since: number
  state: RequestState
  /** What it was told itself. */
  readonly answers: ('granted' | 'refused')[]
  lease: Lease | undefined
  error: Error | undefined
  leave: () => void
}

export interface OrderEntry {
  readonly kind: 'wake' | 'sleep'
  readonly model: string
  answers: number
}

/** The small model that the switcher is compared with: nothing but lists of who asked for what, and what came of it. */
export class Reference {
  readonly entries: Entry[] = []
  readonly orders: OrderEntry[] = []
  closed = false
  #live: Entry[] = []

  add (model: string, bytes: number, now: number, { comeback, freezable = true }: { comeback?: Comeback | undefined, freezable?: boolean } = {}): Entry {
    const entry: Entry = { number: this.entries.length, model, bytes, comeback, freezable, frozenAt: Infinity, since: comeback?.since ?? now, state: 'arrived', answers: [], lease: undefined, error: undefined, leave: () => {} }
    this.entries.push(entry)
    this.#live.push(entry)
    return entry
  }

  get waiting (): Entry[] {
    return this.live.filter(({ state }) => state === 'queued')
  }

  get running (): Entry[] {
    return this.live.filter(({ state }) => state === 'granted')
  }

  get frozen (): Entry[] {
    return this.live.filter(({ state }) => state === 'frozen')
  }

  /** Those that have not come to their end, oldest first. */
  get live (): Entry[] {
    this.#live = this.#live.filter(({ state }) => state === 'arrived' || state === 'queued' || state === 'granted' || state === 'frozen')
    return this.#live
  }

  waitingFor (model: string): Entry[] {
    return this.waiting.filter(entry => entry.model === model)
  }

  /** Whose turn it is: those who come back go before all others, but suspects one at a time. */
  nextFor (model: string): Entry | undefined {
    const alone = this.runningOn(model).some(({ comeback }) => comeback?.suspect)
    const waiting = this.waitingFor(model)
    return waiting.find(({ comeback }) => comeback !== undefined && !(comeback.suspect && alone)) ?? waiting.find(({ comeback }) => comeback === undefined)
  }

  runningOn (model: string): Entry[] {
    return this.running.filter(entry => entry.model === model)
  }

  frozenOn (model: string): Entry[] {
    return this.frozen.filter(entry => entry.model === model)
  }

  pendingOrders (kind: OrderEntry['kind'], model: string): OrderEntry[] {
    return this.orders.filter(order => order.kind === kind && order.model === model && order.answers === 0)
  }
}
