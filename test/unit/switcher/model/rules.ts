import { isDeepStrictEqual } from 'node:util'
import type { RequestChange, TransitionChange } from '../../../../lib/events.ts'
import { DrainTimeoutError } from '../../../../lib/errors.ts'
import { fits, shareGpu } from '../../../../lib/switcher/placement.ts'
import type { EngineCall } from '../../../helpers/fake-engines.ts'
import type { Rig } from '../../../helpers/switcher-rig.ts'
import type { Entry, Reference } from './reference.ts'
import type { Setup } from './setup.ts'

const broughtBack = 'the model it made way for could not be brought up'
const keptAwake = 'it is kept awake'
const ends = ['released', 'cut', 'lost', 'left', 'refused']

/** Vitest's `expect` takes a thousand times as long as what is compared here. */
export function must (holds: boolean, rule: string, ...seen: unknown[]): void {
  if (!holds) throw new Error(`${rule}; seen: ${seen.map(value => JSON.stringify(value)).join(', ')}`)
}

/** What must be true, whatever happens. */
export class Rules {
  readonly #setup: Setup
  readonly #rig: Rig
  readonly #reference: Reference
  readonly #ids: string[]
  readonly #entries = new Map<number, { entry: Entry, time: number }>()
  /** The models of which it has been told that they are being woken. */
  readonly #announced = new Set<string>()
  #lastTransition: TransitionChange | undefined

  constructor (setup: Setup, rig: Rig, reference: Reference) {
    this.#setup = setup
    this.#rig = rig
    this.#reference = reference
    this.#ids = rig.switcher.status().models.map(({ id }) => id)
  }

  /** The counts, and what must be true between two steps. */
  check (): void {
    const { switcher } = this.#rig
    const { waiting, waitingBytes, models, transitions } = switcher.status()
    const expected = this.#reference.waiting
    const { maxQueue, maxQueueBytes } = this.#setup.limits
    must(waiting === expected.length, 'who waits is counted', waiting, expected)
    must(waitingBytes === expected.reduce((sum, { bytes }) => sum + bytes, 0), 'bytes are counted', waitingBytes, expected)
    const fresh = expected.filter(({ comeback }) => comeback === undefined)
    must(fresh.length <= maxQueue && fresh.reduce((sum, { bytes }) => sum + bytes, 0) <= maxQueueBytes, 'the queue is bounded', waiting, waitingBytes)
    must(!this.#reference.closed || waiting === 0, 'nobody waits for a server that closes', waiting)
    models.forEach(view => this.#checkModel(view, expected))
    const gpus = transitions.flatMap(({ wake, evict }) => [...new Set([wake, ...evict].flatMap(id => id === undefined ? [] : this.model(id).gpus))])
    must(new Set(gpus).size === gpus.length, 'one transition per GPU', transitions)
  }

  /** Everything has come to its end. */
  checkEnd (): void {
    const { engines, awake, clock } = this.#rig
    for (const entry of this.#reference.entries) this.#checkAnswers(entry)
    must(this.#reference.orders.every(({ answers }) => answers === 1), 'every order is answered once', this.#reference.orders)
    must(isDeepStrictEqual([...engines.awake].sort(), awake), 'the switcher knows who is awake', [...engines.awake], awake)
    must(isDeepStrictEqual([...engines.onGpu].sort(), awake), 'the switcher knows who holds the GPU', [...engines.onGpu], awake)
    must(!this.#reference.closed || clock.pending === 0, 'a closed switcher leaves no timer', clock.pending)
  }

  checkCall ({ operation, id, level }: EngineCall): void {
    if (operation === 'prepare') return
    const { engines } = this.#rig
    const others = engines.open.filter(call => call.operation !== 'prepare' && shareGpu(this.model(call.id), this.model(id)))
    must(others.length === 0, 'one at a time on a GPU', `${operation} ${id}`, others)
    if (operation === 'sleep') return this.#checkSleep(id, level)
    const beside = [...engines.onGpu].filter(other => other !== id)
    must(fits(this.#place(id), beside.map(other => this.#place(other))), 'who is awake or on the way fits the GPUs', id, beside)
    must(!this.#reference.closed, 'nobody is woken after close', id)
    // A wake that is asked for again, because the engine died meanwhile, is for the engine to judge.
    if (!this.#announced.delete(id)) return
    const stuck = [...engines.stuck].filter(other => shareGpu(this.model(other), this.model(id)))
    must(stuck.length === 0, 'nobody is woken beside processes that cannot be ended', id, stuck)
  }

  checkRequest (change: RequestChange): void {
    const last = this.#entries.get(change.id)
    const entry = last?.entry ?? this.#reference.entries.at(-1)!
    must(entry.model === change.model && entry.state === change.from, 'the events of a request are a chain', change, entry)
    must(change.duration === change.time - (last?.time ?? change.time), 'events tell how long it took', change, last?.time)
    must(!ends.includes(entry.state), 'nothing comes after the end', change)
    if (change.to === 'granted' && change.from === 'queued') this.#checkGrant(entry)
    if (change.to === 'frozen') entry.frozenAt = change.time
    // Level 3 may have been asked for, and keeps nothing.
    const stops = this.#reference.pendingOrders('sleep', entry.model).length > 0
    const spared = this.#setup.keeping && this.model(entry.model).freeze !== false && entry.freezable && !stops
    must(!spared || !(change.error instanceof DrainTimeoutError), 'nobody is cut to make room who can be frozen', change)
    entry.state = change.to
    this.#entries.set(change.id, { entry, time: change.time })
  }

  checkTransition (change: TransitionChange): void {
    const last = this.#lastTransition
    this.#lastTransition = change
    if (change.to === 'waking') this.#checkReason(change)
    if (change.from === 'draining' && change.to === 'evicting') this.#checkControls(change)
    // With one GPU there is one transition at a time, and its events are a chain.
    if (this.#setup.meddling || this.#setup.models.some(({ gpus }) => gpus.join() !== '0')) return
    must(change.from === (last?.to ?? 'idle'), 'the events of a transition are a chain', last, change)
    must(change.duration === (change.from === 'idle' ? 0 : change.time - last!.time), 'events tell how long it took', last, change)
    const sum = Object.values(change.phases).reduce((sum, phase) => sum + phase, 0)
    if (change.to === 'idle') must(sum === change.time - this.#begun, 'the phases add up', change, this.#begun)
    if (change.from === 'idle') this.#begun = change.time
  }

  #begun = 0

  model (id: string): Setup['models'][number] {
    return this.#setup.models[this.#ids.indexOf(id)]!
  }

  #checkSleep (id: string, level: number | undefined): void {
    must(this.#reference.runningOn(id).length === 0, 'nobody is put to sleep under requests that are not frozen', id)
    const frozen = this.#reference.frozenOn(id)
    must(frozen.length === 0 || (this.#setup.keeping && this.model(id).freeze !== false && level !== 3), 'only those are frozen who can be', id, level)
    must(frozen.every(({ freezable }) => freezable), 'who must not be frozen is not', frozen)
  }

  #checkModel (view: ReturnType<Rig['view']>, waiting: Entry[]): void {
    const queue = waiting.filter(({ model }) => model === view.id)
    const running = this.#reference.runningOn(view.id)
    const frozen = this.#reference.frozenOn(view.id)
    must(view.waiting === queue.length + frozen.length && view.frozen === frozen.length, 'counts are right', view, queue, frozen)
    must(view.inFlight <= running.length, 'no more are in flight than were let in', view, running)
    must(frozen.every(({ lease }) => lease?.frozen === true && !lease.ended), 'leases are frozen when it is told', frozen)
    must(frozen.length === 0 || !this.#reference.closed, 'nobody stays frozen in a server that closes', frozen)
    const heads = [queue.find(({ comeback }) => comeback !== undefined), queue.find(({ comeback }) => comeback === undefined)]
    const oldest = Math.min(...heads.flatMap(entry => entry?.since ?? []), ...frozen.map(({ frozenAt }) => frozenAt))
    must((view.oldest ?? Infinity) === oldest, 'the oldest is known', view, queue)
    const now = this.#rig.clock.now()
    must(queue.every(({ since }) => since + this.model(view.id).queue > now), 'nobody waits longer than the limit', queue)
    must(running.filter(({ comeback }) => comeback?.suspect).length <= 1, 'suspects are let in one at a time', running)
    must(running.every(({ lease }) => lease?.ended === false), 'leases end when it is told', running)
    must(view.inFlight === 0 || view.awakeSince !== undefined, 'leases are held on awake models only', view)
    must(view.awakeSince === undefined || this.#rig.engines.awake.has(view.id), 'nobody is believed awake who is not', view)
  }

  #checkGrant (entry: Entry): void {
    const { model } = entry
    must(this.#rig.switcher.status().paused !== 'traffic', 'nobody is let in while traffic is paused', model)
    must(this.#rig.engines.awake.has(model), 'leases are granted on awake engines', model)
    const { transitions } = this.#rig.switcher.status()
    const going = transitions.filter(({ phase }) => phase === 'draining' || phase === 'evicting').flatMap(({ evict }) => evict)
    must(!going.includes(model), 'leases are granted on models that stay', model, transitions)
    must(this.#reference.runningOn(model).length < this.model(model).maxConcurrency, 'not more than a model takes', model)
    const next = this.#reference.nextFor(model)
    must(entry.state === 'queued' ? next === entry : next === undefined, 'first come, first served', next, entry)
  }

  #checkReason ({ model: id, reason }: TransitionChange): void {
    this.#announced.add(id)
    if (reason === broughtBack) return must(this.#rig.engines.calls.findLast(call => call.id === id && call.operation !== 'prepare')?.operation === 'sleep', 'who is brought back was put to sleep', id)
    if (reason === keptAwake) {
      const { gpus } = this.model(id)
      const others = this.#reference.waiting.filter(entry => entry.model !== id && shareGpu(this.model(entry.model), { gpus }))
      // Its own requests are a reason of their own, also for a return that began while nobody else waited.
      const own = [...this.#reference.waitingFor(id), ...this.#reference.frozenOn(id)]
      return must(this.model(id).keepAwake && (others.length === 0 || own.length > 0), 'who is kept awake comes back when nobody else wants its place, or for its own requests', id, others)
    }
    const frozen = this.#reference.frozenOn(id)
    // One that is to end has to answer first those that it keeps.
    const ordered = [...this.#reference.pendingOrders('wake', id), ...(frozen.length > 0 ? this.#reference.pendingOrders('sleep', id) : [])]
    const wanted = reason === 'it was asked for' ? ordered : [...this.#reference.waitingFor(id), ...frozen]
    must(wanted.length > 0, 'nobody is woken for nobody', id, reason)
  }

  /** At the point of no return nothing speaks against it that somebody has asked for. */
  #checkControls ({ model, reason, evict }: TransitionChange): void {
    if (reason === 'it was asked for' || reason === broughtBack) return
    const { paused, pinned } = this.#rig.switcher.status()
    must(paused === undefined && !evict.some(id => pinned.includes(id)), 'pinned models and pauses are kept to', model, reason, paused, pinned)
  }

  /** Whoever came has been answered once, and as it was announced; whoever left has not. */
  #checkAnswers ({ state, answers, lease }: Entry): void {
    const right = { left: '', refused: 'refused', released: 'granted', cut: 'granted', lost: 'granted' }[state as 'left']
    must(answers.join() === right, 'everybody is answered once', state, answers)
    must(lease?.ended !== false, 'every lease has ended', lease)
  }

  #place (id: string) {
    return { id, ...this.model(id) }
  }
}
