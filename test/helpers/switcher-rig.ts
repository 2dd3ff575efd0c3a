import { LlmuxEvents } from '../../lib/events.ts'
import type { RequestChange, TransitionChange, Warning } from '../../lib/events.ts'
import type { SleepLevel } from '../../lib/options/types.ts'
import type { RequestDetails } from '../../lib/switcher/admission.ts'
import { fifo } from '../../lib/switcher/policy/fifo.ts'
import type { Policy } from '../../lib/switcher/policy/policy.ts'
import type { Lease } from '../../lib/switcher/lease.ts'
import type { SwitchedModel } from '../../lib/switcher/slot.ts'
import { Switcher } from '../../lib/switcher/switcher.ts'
import type { WaitingLimits } from '../../lib/switcher/waiting-room.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeEngines } from './fake-engines.ts'
import type { Durations } from './fake-engines.ts'

/** A request as a test sees it. */
export interface Asked {
  readonly model: string
  /** How it was answered. Must never be longer than 1. */
  readonly answers: ('granted' | 'refused')[]
  lease: Lease | undefined
  error: Error | undefined
  readonly waiting: boolean
  leave: () => void
}

/** Something asked for by hand. */
export interface Ordered {
  readonly answers: ('done' | 'failed')[]
  error: Error | undefined
}

export interface RigOptions {
  models?: Record<string, Partial<Omit<SwitchedModel, 'id' | 'timeouts'>> & { queue?: number, drain?: number, passive?: number }>
  policy?: Policy
  minActive?: number
  limits?: Partial<WaitingLimits>
  durations?: Durations
  /** Whether the engines go on after a sleep with the requests that they had. Default false. */
  keeping?: boolean
}

export function model (id: string, { queue = 600_000, drain = 300_000, passive = 60_000, ...rest }: NonNullable<RigOptions['models']>[string] = {}): SwitchedModel {
  const { place } = rest
  const model = { id, gpus: [0], gpuShare: 1, maxConcurrency: 256, ...rest, timeouts: { queue, drain, passive } }
  return place === undefined ? model : Object.defineProperty(model, 'gpus', { get: () => place.gpus })
}

/** A switcher between fake engines and requests that are only recorded. */
export class Rig {
  readonly clock = new FakeClock()
  readonly events = new LlmuxEvents()
  readonly engines: FakeEngines
  readonly switcher: Switcher
  readonly requests: RequestChange[] = []
  readonly transitions: TransitionChange[] = []
  readonly warnings: Warning[] = []

  constructor ({ models = { a: {}, b: {}, c: {} }, minActive = 0, policy = fifo({ type: 'fifo', minActive }), limits, durations, keeping = false }: RigOptions = {}) {
    this.engines = new FakeEngines({ clock: this.clock, keeping, ...(durations && { durations }) })
    this.events.on('request', change => this.requests.push(change))
    this.events.on('transition', change => this.transitions.push(change))
    this.events.on('warning', warning => this.warnings.push(warning))
    this.switcher = new Switcher(Object.entries(models).map(([id, rest]) => model(id, rest)), {
      engines: this.engines,
      clock: this.clock,
      events: this.events,
      policy,
      limits: { maxQueue: 1_000, maxQueueBytes: 1_000_000, ...limits }
    })
    this.engines.onLost = (id, error) => this.switcher.lost(id, error)
  }

  /** A request that keeps its lease until the test releases it. `onAnswer` is called in the midst of the answer. */
  ask (id: string, { bytes = 0, onAnswer, ...details }: { bytes?: number, onAnswer?: (asked: Asked) => void } & Pick<RequestDetails, 'priority' | 'mayCauseSwitch' | 'freezable'> = {}): Asked {
    const answers: Asked['answers'] = []
    const asked: Asked = { model: id, answers, lease: undefined, error: undefined, get waiting () { return answers.length === 0 }, leave: () => {} }
    asked.leave = this.switcher.request(id, bytes, {
      granted: lease => {
        answers.push('granted')
        asked.lease = lease
        onAnswer?.(asked)
      },
      refused: error => {
        answers.push('refused')
        asked.error = error
        onAnswer?.(asked)
      }
    }, details)
    return asked
  }

  switchTo (id: string): Ordered {
    return order(answer => this.switcher.switchTo(id, answer))
  }

  sleep (id: string, level?: SleepLevel): Ordered {
    return order(answer => this.switcher.sleep(id, level, answer))
  }

  /** Makes a model awake the way it happens in life, by a request for it, and takes the request away again. */
  awaken (id: string): void {
    const asked = this.ask(id)
    this.engines.completeAll()
    asked.lease!.release()
  }

  view (id: string) {
    return this.switcher.status().models.find(model => model.id === id)!
  }

  /** The models that the switcher believes to be awake. */
  get awake (): string[] {
    return this.switcher.status().models.filter(model => model.awakeSince !== undefined).map(model => model.id)
  }

  /** The phases of all transitions, as `b: idle → draining`. */
  get phases (): string[] {
    return this.transitions.map(({ model, from, to }) => `${model}: ${from} → ${to}`)
  }
}

function order (give: (answer: { done: () => void, failed: (error: Error) => void }) => void): Ordered {
  const ordered: Ordered = { answers: [], error: undefined }
  give({
    done: () => { ordered.answers.push('done') },
    failed: error => {
      ordered.answers.push('failed')
      ordered.error = error
    }
  })
  return ordered
}
