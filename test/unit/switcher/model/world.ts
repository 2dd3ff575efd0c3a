import { isDeepStrictEqual } from 'node:util'
import { QueueTimeoutError } from '../../../../lib/errors.ts'
import type { SleepLevel } from '../../../../lib/options/types.ts'
import type { Comeback } from '../../../../lib/switcher/queue.ts'
import { Rig } from '../../../helpers/switcher-rig.ts'
import { must, Rules } from './rules.ts'
import { policies } from './setup.ts'
import type { Setup } from './setup.ts'
import { Reference } from './reference.ts'
import type { Entry } from './reference.ts'

/** A switcher between fake engines and requests at random. The rules are checked at every call and event, and after every step. */
export class World {
  readonly rig: Rig
  readonly reference = new Reference()
  readonly #ids: string[]
  readonly #setup: Setup
  readonly #rules: Rules
  readonly #back = new Set<Entry>()
  #meddlings = 0
  /** What was found wrong in the midst of something, where nobody could be told. */
  #violation: unknown

  constructor (setup: Setup) {
    this.#setup = setup
    this.#ids = setup.models.map((_, index) => 'abcde'[index]!)
    this.rig = new Rig({
      models: Object.fromEntries(setup.models.map((model, index) => [this.#ids[index]!, model])),
      policy: policies[setup.policy],
      limits: setup.limits,
      keeping: setup.keeping
    })
    this.#rules = new Rules(setup, this.rig, this.reference)
    this.rig.engines.onCall = call => this.#watch(() => this.#rules.checkCall(call))
    this.rig.events.on('request', change => this.#watch(() => this.#rules.checkRequest(change)))
    this.rig.events.on('transition', change => this.#watch(() => this.#rules.checkTransition(change)))
    this.rig.events.on('request', () => this.#meddle())
    this.rig.events.on('transition', () => this.#meddle())
  }

  id (index: number): string {
    return this.#ids[index % this.#ids.length]!
  }

  ask (id: string, bytes: number, comeback?: Comeback): void {
    const { clock, switcher } = this.rig
    const freezable = bytes !== 7
    const entry = this.reference.add(id, bytes, clock.now(), { comeback, freezable })
    entry.leave = switcher.request(id, bytes, {
      granted: lease => {
        entry.answers.push('granted')
        entry.lease = lease
        this.#meddle()
      },
      refused: error => {
        entry.answers.push('refused')
        entry.error = error
        this.#meddle()
      }
    }, { comeback, freezable })
  }

  /** A request whose engine died is sent again. */
  comeBack (index: number, suspect: boolean): void {
    const lost = this.reference.entries.filter(entry => entry.state === 'lost' && !this.#back.has(entry))
    const entry = lost[index % (lost.length || 1)]
    if (entry === undefined) return
    this.#back.add(entry)
    this.ask(entry.model, entry.bytes, { since: entry.since, suspect })
  }

  order (kind: 'wake' | 'sleep', id: string, level?: SleepLevel): void {
    const entry = { kind, model: id, answers: 0 }
    this.reference.orders.push(entry)
    const answer = {
      done: () => {
        entry.answers++
        if (kind === 'wake') this.#watch(() => must(this.rig.engines.awake.has(id), 'switchTo is done when the model is awake', id))
        this.#meddle()
      },
      failed: () => {
        entry.answers++
        this.#meddle()
      }
    }
    if (kind === 'wake') this.rig.switcher.switchTo(id, answer)
    else this.rig.switcher.sleep(id, level, answer)
  }

  /** The engine's processes end by themselves, or, `stuck`, all but those that hold the GPU. */
  die (id: string, stuck: boolean): void {
    const { engines } = this.rig
    const busy = engines.open.some(call => call.id === id && call.operation !== 'prepare' && call.state === 'running')
    if (engines.awake.has(id) && stuck) {
      engines.stuck.add(id)
      engines.awake.delete(id)
      engines.onLost(id, new Error(`${id} died, but not all of it`))
    } else if (engines.awake.has(id)) {
      engines.die(id)
    } else if (!busy && !engines.stuck.has(id)) {
      engines.onLost(id, new Error(`${id} died in its sleep`))
    }
  }

  /** Another decision changes nothing. A policy may be asked twice and not say the same: then there is nothing to compare. */
  checkDecided (): void {
    if (this.#setup.policy === 'erratic') return
    const { engines, switcher } = this.rig
    const state = () => [engines.history.length, switcher.status().transitions]
    const before = state()
    switcher.freed()
    must(isDeepStrictEqual(state(), before), 'all is decided at the end of a request', before, state())
  }

  check (): void {
    if (this.#violation !== undefined) throw this.#violation
    this.#rules.check()
  }

  /** Lets everything come to a good end, and makes sure that it does: nobody waits for ever. */
  settle (): void {
    const { clock, engines, switcher } = this.rig
    const before = clock.now()
    for (const id of [...engines.stuck]) engines.unstick(id)
    switcher.controls.unpin()
    switcher.controls.resume()
    for (let left = 5_000; !this.#settled(); left--) {
      must(left > 0, 'the world settles', switcher.status())
      if (engines.open.length > 0) engines.complete()
      else if (this.reference.running.length > 0) this.reference.running[0]!.lease!.release()
      else must(clock.advanceToNext(), 'something can happen as long as somebody waits', switcher.status())
      // At a standing clock it could wake two models in turn forever, and freeze them.
      if (this.#setup.policy === 'erratic') clock.advance(1)
      this.check()
    }
    this.#rules.checkEnd()
    if (this.#setup.policy !== 'fifo') return
    const late = this.reference.entries.filter(({ error, since, model }) => error instanceof QueueTimeoutError && since + this.#rules.model(model).queue > before)
    must(late.length === 0, 'nobody is kept waiting without a reason', late)
  }

  #settled (): boolean {
    const { engines, switcher } = this.rig
    const { waiting, transitions } = switcher.status()
    return waiting === 0 && transitions.length === 0 && engines.open.length === 0 && this.reference.running.length === 0 && this.reference.frozen.length === 0
  }

  /** Something happens in the midst of something else. */
  #meddle (): void {
    if (!this.#setup.meddling) return
    const turn = ++this.#meddlings
    const { live, waiting, running, frozen } = this.reference
    // Not without end: what it does is heard by the same ears.
    if (turn % 3 !== 0 || live.length > 20) return
    if (turn % 5 === 0) waiting[turn % (waiting.length || 1)]?.leave()
    else if (turn % 7 === 0) this.ask(this.id(turn), 1)
    else if (turn % 11 === 0) this.order(turn % 2 === 0 ? 'wake' : 'sleep', this.id(turn))
    else if (turn % 13 === 0) frozen[turn % (frozen.length || 1)]?.lease?.release()
    else running[turn % (running.length || 1)]?.lease?.release()
  }

  #watch (check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#violation ??= error
    }
  }
}
