import fc from 'fast-check'
import { StopError } from '../../../../lib/errors.ts'
import type { SleepLevel } from '../../../../lib/options/types.ts'
import type { PauseKind } from '../../../../lib/switcher/controls.ts'
import type { World } from './world.ts'

/** One thing that happens. Numbers pick one of whatever there is when it happens. */
class Step implements fc.Command<object, World> {
  readonly #name: string
  readonly #run: (world: World) => void

  constructor (name: string, run: (world: World) => void) {
    this.#name = name
    this.#run = run
  }

  check (): boolean {
    return true
  }

  run (_: object, world: World): void {
    this.#run(world)
    world.check()
  }

  toString (): string {
    return this.#name
  }
}

const pick = fc.nat({ max: 20 })
const model = fc.nat({ max: 4 })

const ask = fc.tuple(model, fc.nat({ max: 10 })).map(([index, bytes]) =>
  new Step(`ask(${index}, ${bytes})`, world => world.ask(world.id(index), bytes)))

const comeBack = fc.tuple(pick, fc.boolean()).map(([index, suspect]) => new Step(`comeBack(${index}, ${suspect})`, world => world.comeBack(index, suspect)))

const leave = pick.map(index => new Step(`leave(${index})`, world => {
  const { waiting } = world.reference
  waiting[index % (waiting.length || 1)]?.leave()
}))

const runningLease = ({ reference: { running } }: World, index: number) => running[index % (running.length || 1)]?.lease

const release = pick.map(index => new Step(`release(${index})`, world => runningLease(world, index)?.release()))

/** The switcher does not decide after each end: where it does not, there must have been nothing to decide. */
const releaseAndLook = pick.map(index => new Step(`releaseAndLook(${index})`, world => {
  runningLease(world, index)?.release()
  world.checkDecided()
}))

/** A client leaves while its request is frozen. */
const leaveFrozen = pick.map(index => new Step(`leaveFrozen(${index})`, world => {
  const { frozen } = world.reference
  frozen[index % (frozen.length || 1)]?.lease?.release()
}))

/** A client does not read, and others wait. */
const stall = pick.map(index => new Step(`stall(${index})`, world => {
  const lease = runningLease(world, index)
  if (lease !== undefined && world.rig.switcher.stalled(lease)) lease.release()
}))

const readAgain = pick.map(index => new Step(`readAgain(${index})`, world => {
  const { live } = world.reference
  const lease = live[index % (live.length || 1)]?.lease
  if (lease !== undefined) world.rig.switcher.readAgain(lease)
}))

/** An engine does what it was asked to. */
const complete = pick.map(index => new Step(`complete(${index})`, world => {
  const { engines } = world.rig
  const call = engines.open[index % (engines.open.length || 1)]
  if (call !== undefined) engines.complete(call.operation, call.id)
}))

/** It has done it, but the switcher has not heard of it yet. */
const finish = pick.map(index => new Step(`finish(${index})`, world => {
  const { engines } = world.rig
  const call = engines.open[index % (engines.open.length || 1)]
  if (call !== undefined) engines.finish(call.operation, call.id)
}))

const fail = fc.tuple(pick, fc.boolean()).map(([index, stuck]) => new Step(`fail(${index}, ${stuck})`, world => {
  const { engines } = world.rig
  const call = engines.open[index % (engines.open.length || 1)]
  if (call === undefined || call.state !== 'running') return
  // A sleep only fails when not even the stop has helped, and nothing can be stuck that was never started.
  const remains = call.operation === 'sleep' || (stuck && call.operation === 'wake')
  engines.complete(call.operation, call.id, remains ? new StopError(call.id, 'stuck') : new Error(`${call.operation} failed`))
}))

const die = fc.tuple(model, fc.integer({ min: 0, max: 3 })).map(([index, dice]) =>
  new Step(`die(${index}, ${dice === 0})`, world => world.die(world.id(index), dice === 0)))

const unstick = pick.map(index => new Step(`unstick(${index})`, ({ rig: { engines, switcher } }) => {
  const stuck = [...engines.stuck]
  if (stuck.length === 0) return
  engines.unstick(stuck[index % stuck.length]!)
  switcher.freed()
}))

const switchTo = model.map(index => new Step(`switchTo(${index})`, world => world.order('wake', world.id(index))))

const sleep = fc.tuple(model, fc.constantFrom<(SleepLevel | undefined)[]>(undefined, 1, 2, 3)).map(([index, level]) =>
  new Step(`sleep(${index}, ${level})`, world => world.order('sleep', world.id(index), level)))

const pass = fc.constantFrom(0, 1, 10, 49, 50, 100, 200, 1_000, 10_000).map(time =>
  new Step(`pass(${time})`, world => world.rig.clock.advance(time)))

const pin = fc.tuple(model, fc.boolean()).map(([index, on]) =>
  new Step(`pin(${index}, ${on})`, world => {
    const { controls } = world.rig.switcher
    if (on) controls.pin(world.id(index))
    else controls.unpin()
  }))

const pause = fc.constantFrom<(PauseKind | undefined)[]>('switching', 'traffic', undefined, undefined).map(what =>
  new Step(`pause(${what})`, ({ rig: { switcher: { controls } } }) => {
    if (what === undefined) controls.resume()
    else controls.pause(what)
  }))

const cut = fc.constant(new Step('cut()', world => world.rig.switcher.cut(new Error('cut'))))

const close = fc.constant(new Step('close()', world => {
  world.reference.closed = true
  world.rig.switcher.close()
}))

// What happens most in life happens most here; what ends everything comes rarely.
const weights: [fc.Arbitrary<Step>, number][] = [
  [ask, 12], [complete, 12], [release, 4], [releaseAndLook, 2], [pass, 5], [leave, 3], [finish, 3], [fail, 2], [die, 3], [comeBack, 4], [leaveFrozen, 2], [stall, 2], [readAgain, 1], [unstick, 1], [switchTo, 2], [sleep, 2], [cut, 1], [pin, 1], [pause, 1]
]

export const commands = fc.commands([...weights.flatMap(([step, weight]) => Array<fc.Arbitrary<Step>>(weight * 4).fill(step)), close], { maxCommands: 60, size: 'max' })
