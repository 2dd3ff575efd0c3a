import type { Clock } from '../clock.ts'
import { GpuBlockedError, ModelDisabledError, ModelNotFoundError } from '../errors.ts'
import { cheapestGpus } from './cheapest-gpus.ts'
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

/** All models and the transitions in progress, and what follows from them: which models can be moved now. */
export class Board {
  readonly transitions = new Set<Transition>()
  /** Models that the policy does not leave once they are awake. */
  readonly pinned = new Set<Slot>()
  slots: readonly Slot[]
  #byId: ReadonlyMap<string, Slot>
  readonly #engines: EnginePort
  readonly #clock: Clock
  readonly #learned: BoardContext['learned']

  constructor (models: readonly SwitchedModel[], { engines, clock, learned }: BoardContext) {
    this.#learned = learned
    this.slots = models.map(model => this.#slotOf(model))
    this.#byId = mapById(this.slots)
    this.#engines = engines
    this.#clock = clock
  }

  add (model: SwitchedModel): void {
    this.#place([...this.slots, this.#slotOf(model)])
  }

  remove (slot: Slot): void {
    this.#place(this.slots.filter(other => other !== slot))
  }

  /** Whether the policy never moves it once it is awake: it is pinned, or a resident. */
  isFixed (slot: Slot): boolean {
    return this.pinned.has(slot) || slot.model.resident === true
  }

  find (id: string): Slot | undefined {
    return this.#byId.get(id)
  }

  slot (id: string): Slot {
    const slot = this.find(id)
    if (slot === undefined) throw new ModelNotFoundError(id)
    return slot
  }

  /** Why a model admits no request, or cannot become awake; undefined if no reason is known. */
  obstacle (slot: Slot): Error | undefined {
    if (slot.disabled) return new ModelDisabledError(slot.id)
    if (slot.awake) return undefined
    const blockers = this.#blockers()
    const gpu = slot.model.gpus.find(gpu => blockers.has(gpu))
    return gpu === undefined ? undefined : new GpuBlockedError(slot.id, blockers.get(gpu)!)
  }

  /** Chooses GPUs for the models that may live on any, for as long as they have no processes. */
  place (): void {
    for (const slot of this.slots) {
      const { place } = slot.model
      if (place === undefined || this.#engines.runs(slot.id) || [...this.transitions].some(({ slots }) => slots.includes(slot))) continue
      place.moveTo(cheapestGpus(slot, place, this))
    }
  }

  /** Models whose requests wait in vain: nothing that moves on their GPUs can make room. */
  get stranded (): Slot[] {
    if (this.#blockers().size === 0) return []
    return this.slots.filter(slot => (slot.queue.size > 0 || slot.frozen > 0) && this.obstacle(slot) !== undefined && !this.busy(slot))
  }

  /** Whether it needs a start to become awake. */
  cold (slot: Slot): boolean {
    return this.#engines.cold(slot.id)
  }

  /** Whether its requests may be frozen, and its engine can do so. */
  freezes ({ id, model }: Slot): boolean {
    return model.freeze !== false && model.sleepLevel !== 3 && this.#engines.freezes(id)
  }

  /** Whether a request waits for a model to wake. */
  get wanted (): boolean {
    return this.slots.some(slot => slot.wanted > 0)
  }

  /** Whether its processes cannot be stopped. */
  blocked (slot: Slot): boolean {
    return this.#engines.blocked(slot.id)
  }

  /** Whether a transition holds one of its GPUs. */
  busy (slot: Slot): boolean {
    return [...this.transitions].some(transition => transition.touches(slot))
  }

  /**
   * The models as a policy sees them. The GPUs of `reserved` are kept free for those models. With `reconsidered`, as if that
   * transition were not in progress, and only models that could take its place can be moved.
   */
  views (reserved: readonly Slot[] = [], reconsidered?: Transition): ModelView[] {
    const transitions = [...this.transitions].filter(transition => transition !== reconsidered)
    const taken = new Set([...reserved, ...transitions.flatMap(transition => transition.slots)])
    const gpus = gpusOf(taken)
    const moving = new Set(transitions.filter(transition => !transition.open).flatMap(transition => transition.slots))
    const blockers = this.#blockers()
    const now = this.#clock.now()
    const held = (slot: Slot) => taken.has(slot) || slot.model.gpus.some(gpu => gpus.has(gpu) || (!slot.awake && blockers.has(gpu)))
    const free = taken.size === 0 && blockers.size === 0
    return this.slots.map(slot => slot.view(now, {
      held: (!free && held(slot)) || reconsidered?.touches(slot) === false || (slot.awake ? slot.model.resident === true : slot.retryAt > now),
      cold: this.cold(slot),
      pins: this.#engines.pins(slot.id),
      freezes: slot.model.freeze !== 'late' && this.freezes(slot),
      onGpu: slot.awake || moving.has(slot) || this.blocked(slot)
    }))
  }

  #slotOf (model: SwitchedModel): Slot {
    return new Slot(model, this.#learned.model(model.id))
  }

  #place (slots: readonly Slot[]): void {
    this.slots = slots
    this.#byId = mapById(slots)
  }

  /** The GPUs held by processes that cannot be stopped, each with their model. Computed for every decision. */
  #blockers (): ReadonlyMap<number, string> {
    const blockers = this.slots.filter(slot => this.blocked(slot))
    return blockers.length === 0 ? none : new Map(blockers.flatMap(slot => slot.model.gpus.map(gpu => [gpu, slot.id])))
  }
}

/** Most decisions find no obstacle, so this list is not built anew each time. */
const none: ReadonlyMap<number, string> = new Map()

function mapById (slots: readonly Slot[]): ReadonlyMap<string, Slot> {
  return new Map(slots.map(slot => [slot.id, slot]))
}

function gpusOf (slots: ReadonlySet<Slot>): Set<number> {
  return new Set([...slots].flatMap(slot => slot.model.gpus))
}
