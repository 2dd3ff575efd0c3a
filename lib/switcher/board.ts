import type { Clock } from '../clock.ts'
import { GpuBlockedError, ModelNotFoundError } from '../errors.ts'
import type { EnginePort } from './engine-port.ts'
import type { Learned } from './learned/learned.ts'
import type { ModelView } from './policy/policy.ts'
import { Slot } from './slot.ts'
import type { SwitchedModel } from './slot.ts'
import type { Transition } from './transition.ts'

export interface BoardContext {
  engines: EnginePort
  clock: Clock
  learned: Learned
}

/** All models and the transitions under way, and what follows from the two: who may be moved now. */
export class Board {
  readonly transitions = new Set<Transition>()
  readonly slots: readonly Slot[]
  readonly #byId: ReadonlyMap<string, Slot>
  readonly #engines: EnginePort
  readonly #clock: Clock

  constructor (models: readonly SwitchedModel[], { engines, clock, learned }: BoardContext) {
    this.slots = models.map(model => new Slot(model, learned.model(model.id)))
    this.#byId = new Map(this.slots.map(slot => [slot.id, slot]))
    this.#engines = engines
    this.#clock = clock
  }

  slot (id: string): Slot {
    const slot = this.#byId.get(id)
    if (slot === undefined) throw new ModelNotFoundError(id)
    return slot
  }

  /** Why a model that is not awake cannot become so; undefined if nothing is known to be in its way. */
  obstacle (slot: Slot): Error | undefined {
    if (slot.awake) return undefined
    const blockers = this.#blockers()
    const gpu = slot.model.gpus.find(gpu => blockers.has(gpu))
    return gpu === undefined ? undefined : new GpuBlockedError(slot.id, blockers.get(gpu)!)
  }

  /** The models that are waited for in vain: nothing that moves on their GPUs can clear the way. */
  get stranded (): Slot[] {
    // Asked for on every decision: where nothing is blocked, no model has to be looked at.
    if (this.#blockers().size === 0) return []
    return this.slots.filter(slot => slot.queue.size > 0 && this.obstacle(slot) !== undefined && !this.busy(slot))
  }

  /** Whether a transition holds one of its GPUs. */
  busy (slot: Slot): boolean {
    return [...this.transitions].some(transition => transition.touches(slot))
  }

  /**
   * The models as a policy sees them. The GPUs of `reserved` are kept free for them. With `reconsidered`, as if that
   * transition were not under way, and with nothing else to move than what could take its place.
   */
  views (reserved: readonly Slot[] = [], reconsidered?: Transition): ModelView[] {
    const transitions = [...this.transitions].filter(transition => transition !== reconsidered)
    const heldGpus = gpusOf([...reserved, ...transitions.flatMap(transition => transition.slots)])
    const moving = new Set(transitions.filter(transition => !transition.open).flatMap(transition => transition.slots))
    const blockers = this.#blockers()
    const now = this.#clock.now()
    return this.slots.map(slot => slot.view(now, {
      held: slot.model.gpus.some(gpu => heldGpus.has(gpu) || (!slot.awake && blockers.has(gpu))) || reconsidered?.touches(slot) === false,
      cold: this.#engines.cold(slot.id),
      onGpu: slot.awake || moving.has(slot) || this.#engines.blocked(slot.id)
    }))
  }

  /** The GPUs held by processes that cannot be ended, each with the model they belong to. */
  #blockers (): Map<number, string> {
    const blockers = this.slots.filter(slot => this.#engines.blocked(slot.id))
    return new Map(blockers.flatMap(slot => slot.model.gpus.map(gpu => [gpu, slot.id])))
  }
}

function gpusOf (slots: readonly Slot[]): Set<number> {
  return new Set(slots.flatMap(slot => slot.model.gpus))
}
