import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Done, EnginePort } from '../switcher/engine-port.ts'

/** Joins the switcher, which does not wait, to the orchestrator, which does. */
export function enginePort (orchestrator: Orchestrator): EnginePort {
  const report = (promise: Promise<void>, done: Done) => { promise.then(() => done(), done) }
  return {
    prepare: (id, done, force) => report(orchestrator.prepare(id, { force }), done),
    wake: (id, done, force) => report(orchestrator.wake(id, { force }), done),
    sleep: (id, level, done) => report(orchestrator.sleep(id, level), done),
    cold: id => orchestrator.cold(id),
    blocked: id => orchestrator.holdsGpu(id)
  }
}
