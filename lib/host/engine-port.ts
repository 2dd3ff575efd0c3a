import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Done, EnginePort } from '../switcher/engine-port.ts'

/** Connects the synchronous switcher to the asynchronous orchestrator. */
export function enginePort (orchestrator: Orchestrator): EnginePort {
  const report = (promise: Promise<void>, done: Done) => { promise.then(() => done(), done) }
  return {
    prepare: (id, done, errand) => report(orchestrator.prepare(id, errand), done),
    wake: (id, done, errand) => report(orchestrator.wake(id, errand), error => done(error, orchestrator.steps(id))),
    sleep: (id, level, done, errand) => report(orchestrator.sleep(id, level, errand), done),
    freezes: id => orchestrator.keepsRequests(id),
    cold: id => orchestrator.cold(id),
    pins: id => orchestrator.pins(id),
    runs: id => orchestrator.runs(id),
    blocked: id => orchestrator.holdsGpu(id)
  }
}
