import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SleepError, SpawnError, WakeError } from '../../../lib/errors.ts'
import { property } from '../../helpers/property.ts'
import { fails, hangs, isDeaf, type FakeDriver, type Stamina } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle, type Setup } from './helper.ts'

type Step = keyof FakeDriver['does']

type Action =
  | { do: 'wake' | 'stop' | 'prepare' | 'fail' | 'lose leader' | 'vanish' }
  | { do: 'sleep', level: 1 | 2 | 3 }
  | { do: 'pass', milliseconds: number }
  | { do: 'plan', step: Step, how: 'well' | 'fails' | 'hangs' | 'is deaf' | 'slowly' }
  | { do: 'harden', stamina: Stamina }

const steps: Step[] = ['spawn', 'probe', 'sleep', 'wake', 'wake weights', 'wake kv_cache', 'reload', 'resetPrefixCache', 'warmUp']

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('wake', 'wake', 'stop', 'prepare', 'fail', 'lose leader', 'vanish').map(name => ({ do: name }) as Action) },
  { weight: 3, arbitrary: fc.constantFrom(1, 2, 3).map(level => ({ do: 'sleep', level }) as Action) },
  { weight: 5, arbitrary: fc.constantFrom(0, 0, 1, 30, 300, 3_000, 20_000).map(milliseconds => ({ do: 'pass', milliseconds }) as Action) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('plan' as const), step: fc.constantFrom(...steps), how: fc.constantFrom('well', 'fails', 'hangs', 'is deaf', 'slowly') }) as fc.Arbitrary<Action> },
  { weight: 1, arbitrary: fc.constantFrom('ends on SIGTERM', 'ends on SIGKILL', 'never ends').map(stamina => ({ do: 'harden', stamina }) as Action) }
)

const timeouts = { start: 2_000, sleep: 1_000, wake: 1_000, reload: 900, resetPrefixCache: 800, health: 500, stop: 700 }

/** The engine under test, what it was asked, and what must be true of it at every moment. */
class Trial {
  readonly setup: Setup = setUp([makeModel('a', { timeouts, warmup: true })])
  readonly asked: Array<{ what: string, result: ReturnType<typeof outcome> }> = []
  readonly #seen = { state: 'stopped', lost: 0 }

  constructor () {
    const { driver } = this.setup
    steps.forEach(step => this.#plan(step, 'well'))
    this.setup.events.on('engine', change => {
      expect(change.from).toBe(this.#seen.state)
      this.#seen.state = change.to
    })
    expect(driver.alive).toEqual([])
  }

  async run (action: Action): Promise<void> {
    const { orchestrator, driver, clock } = this.setup
    if (action.do === 'wake') this.#ask('wake', orchestrator.wake('a'))
    else if (action.do === 'sleep') this.#ask('sleep', orchestrator.sleep('a', action.level))
    else if (action.do === 'stop') this.#ask('stop', orchestrator.stop('a'))
    else if (action.do === 'prepare') this.#ask('prepare', orchestrator.prepare('a'))
    else if (action.do === 'fail') orchestrator.fail('a', new Error('declared dead'))
    else if (action.do === 'pass') await pass(clock, action.milliseconds)
    else if (action.do === 'plan') this.#plan(action.step, action.how)
    else if (action.do === 'harden') this.#harden(action.stamina)
    else if (action.do === 'vanish') driver.processes.at(-1)?.vanish()
    else driver.processes.at(-1)?.loseLeader()
    this.check()
  }

  check (): void {
    const { orchestrator, driver, lost } = this.setup
    const { state, pid, level } = orchestrator.snapshot('a')
    const alive = driver.alive.map(process => process.pid)
    expect(alive.length).toBeLessThanOrEqual(1)
    // Every process is known until it is gone.
    if (alive.length === 1 && state !== 'starting') expect(pid).toBe(alive[0])
    if (state === 'stopped') expect(alive).toEqual([])
    if (state === 'awake' || state === 'asleep') expect(pid).toBeDefined()
    expect(level !== undefined).toBe(state === 'asleep' || state === 'sleeping')
    expect(state).toBe(this.#seen.state)
    // Told exactly when it was running.
    if (lost.length > this.#seen.lost) expect(lost).toHaveLength(this.#seen.lost + 1)
    this.#seen.lost = lost.length
    if (orchestrator.holdsGpu('a')) expect(alive.length + Number(state === 'failed' || state === 'stopping')).toBeGreaterThan(0)
  }

  async end (): Promise<void> {
    const { orchestrator, driver, clock } = this.setup
    steps.forEach(step => this.#plan(step, 'well'))
    this.#harden('ends on SIGKILL')
    const close = outcome(orchestrator.close())
    await pass(clock, 60_000)
    expect(close.value).toBe(true)
    expect(driver.alive).toEqual([])
    expect(driver.closed).toBe(true)
    expect(clock.pending).toBe(0)
    for (const { what, result } of this.asked) {
      if (what === 'sleep' || what === 'stop') expect([true, 'LLMUX_ERR_STOP_FAILED']).toContain(result.value)
      else expect(result.value === true || /^LLMUX_ERR_|declared dead/.test(String(result.value))).toBe(true)
    }
  }

  #ask (what: string, promise: Promise<void>): void {
    const { orchestrator, driver } = this.setup
    this.asked.push({ what, result: outcome(promise) })
    if (what !== 'wake') return
    promise.then(() => {
      const state = orchestrator.state('a')
      // Whoever has not been overtaken by a death or by the next thing asked for finds it awake.
      if (state === 'awake') expect(driver.processes.at(-1)).toBeDefined()
      else expect(['failed', 'sleeping', 'stopping']).toContain(state)
    }, () => {})
  }

  #harden (stamina: Stamina): void {
    const { driver } = this.setup
    driver.stamina = stamina
    driver.processes.forEach(process => { process.stamina = stamina })
  }

  /** Nothing is ever sent to an engine that has no process. */
  #plan (step: Step, how: string): void {
    const { driver, clock } = this.setup
    const error = step === 'spawn' ? new SpawnError('a', 'planned') : step === 'sleep' ? new SleepError('a', 'planned') : new WakeError('a', 'planned')
    const slowly = () => new Promise<void>(resolve => { clock.setTimeout(resolve, 100) })
    const ways: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
      well: () => Promise.resolve(),
      fails: step === 'probe' ? () => Promise.resolve(false) : fails(error),
      // The operating system always says whether it could spawn.
      hangs: step === 'spawn' ? slowly : hangs,
      'is deaf': step === 'spawn' ? slowly : isDeaf,
      slowly
    }
    driver.does[step] = signal => {
      if (step !== 'spawn') expect(driver.processes.length).toBeGreaterThan(0)
      return ways[how]!(signal)
    }
  }
}

it('an engine keeps its promises under any orders and failures', { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 40 }), async actions => {
    const trial = new Trial()
    for (const action of actions) {
      await trial.run(action)
      await settle()
      trial.check()
    }
    await trial.end()
  }), property(300))
})
