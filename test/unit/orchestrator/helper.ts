import { engines } from '../../../lib/engines/index.ts'
import { LlmuxEvents, type EngineChange, type Warning } from '../../../lib/events.ts'
import type { ModelTimeouts, ResolvedModel } from '../../../lib/options/types.ts'
import { Orchestrator, type OrchestratorOptions } from '../../../lib/orchestrator/orchestrator.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeDriver } from './fake-driver.ts'

/** Lets everything run that needs no time. */
export function settle (): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Lets time pass; each timer sees everything settled that the one before it caused. */
export async function pass (clock: FakeClock, milliseconds: number): Promise<void> {
  await settle()
  const progress = { over: false }
  clock.setTimeout(() => { progress.over = true }, milliseconds)
  while (!progress.over) {
    clock.advanceToNext()
    await settle()
  }
}

/** Every limit another number, so that a test that sees one knows which. */
export const timeouts: Required<ModelTimeouts> = {
  start: 300_000,
  sleep: 120_000,
  wake: 110_000,
  reload: 60_000,
  resetPrefixCache: 30_000,
  health: 5_000,
  drain: 1,
  passive: 60_000,
  queue: 1,
  wedged: 60_000,
  stalled: 60_000,
  memory: 30_000,
  stop: 10_000
}

type Changes = Partial<Omit<ResolvedModel, 'timeouts'>> & { timeouts?: Partial<ModelTimeouts> }

export function makeModel (id: string, changes: Changes = {}): ResolvedModel {
  return {
    id,
    engine: engines.vllm,
    readyPath: undefined,
    stopCommand: undefined,
    container: undefined,
    path: id,
    aliases: [],
    adapters: [],
    adapterPaths: {},
    maxAdapters: 8,
    args: [],
    env: {},
    command: 'vllm',
    maxQueue: undefined,
    preload: false,
    idleTimeout: 0,
    idleStopTimeout: 0,
    keepAwake: false,
    maxConcurrency: 256,
    warmup: false,
    port: undefined,
    url: undefined,
    apiKey: undefined,
    sleepLevel: 1,
    sleepMode: true,
    freeze: false,
    gpus: [0],
    gpuNames: [],
    gpuEnv: {},
    gpuShare: 1,
    resident: false,
    sleepAuto: false,
    level2Safe: false,
    ...changes,
    timeouts: { ...timeouts, ...changes.timeouts } as Required<ModelTimeouts>
  }
}

/** An orchestrator without processes and without time, and all that it tells. */
export function setUp (models: ResolvedModel[] = [makeModel('a')], more: Partial<OrchestratorOptions> = {}) {
  const clock = new FakeClock()
  const driver = new FakeDriver(clock)
  const events = new LlmuxEvents()
  const changes: EngineChange[] = []
  const warnings: Warning[] = []
  const lost: Array<{ id: string, error: Error, state: string }> = []
  const freed: string[] = []
  events.on('engine', change => changes.push(change))
  events.on('warning', warning => warnings.push(warning))
  const orchestrator: Orchestrator = new Orchestrator(models, {
    driver,
    clock,
    events,
    onLost: (id, error) => lost.push({ id, error, state: orchestrator.state(id) }),
    onFreed: () => freed.push(changes.at(-1)!.to),
    ...more
  })
  /** The states gone through since the last look. */
  const path = () => changes.splice(0).map(change => change.to)
  return { clock, driver, events, changes, warnings, lost, freed, orchestrator, path }
}

export type Setup = ReturnType<typeof setUp>

/** How a promise ended: `true`, or the code of its error; `undefined` while it has not. */
export function outcome (promise: Promise<unknown>) {
  const result: { value: true | string | undefined, error: Error | undefined } = { value: undefined, error: undefined }
  promise.then(() => { result.value = true }, error => {
    result.value = error.code ?? String(error)
    result.error = error
  })
  return result
}
