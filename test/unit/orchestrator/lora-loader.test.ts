import { describe, expect, it } from 'vitest'
import type { AdapterChange } from '../../../lib/events.ts'
import { fails, hangs } from './fake-driver.ts'
import { makeModel, outcome, pass, setUp, settle } from './helper.ts'

async function awake (changes: Parameters<typeof makeModel>[1] = {}) {
  const paths = { x: '/x', y: '/y', z: '/z', w: '/w' }
  const setup = setUp([makeModel('a', { adapters: Object.keys(paths), adapterPaths: paths, maxAdapters: 2, ...changes })])
  const told: string[] = []
  setup.events.on('adapter', ({ adapter, loaded }: AdapterChange) => told.push(`${loaded ? '+' : '-'}${adapter}`))
  await setup.orchestrator.wake('a')
  setup.driver.calls.length = 0
  const loaded = () => setup.orchestrator.snapshot('a').loadedAdapters
  const use = (name: string) => setup.orchestrator.adapterFor('a', name)!
  /** For a request that is over at once. */
  const load = (name: string) => {
    const one = use(name)
    one.release()
    return one.load()
  }
  return { ...setup, told, loaded, use, load }
}

describe('LoRA adapters that are loaded while the engine runs', () => {
  it('loads each once, however many ask for it at the same time', async () => {
    const { load, loaded, driver, told } = await awake()
    await Promise.all([load('x'), load('x'), load('y')])
    expect(driver.calls).toEqual(['a load x', 'a load y'])
    expect(load('x')).toBeUndefined()
    expect(loaded()).toEqual(['y', 'x'])
    expect(told).toEqual(['+x', '+y'])
  })

  it('makes room by unloading the one that has not been used for longest', async () => {
    const { load, loaded, driver, told } = await awake()
    await load('x')
    await load('y')
    load('x')
    await load('z')
    expect(driver.calls.slice(2)).toEqual(['a unload y', 'a load z'])
    expect(loaded()).toEqual(['x', 'z'])
    expect(told).toEqual(['+x', '+y', '-y', '+z'])
  })

  it('keeps what requests in flight need, even if that is too many', async () => {
    const { use, load, loaded } = await awake()
    const [x, y, z] = ['x', 'y', 'z'].map(use)
    for (const one of [x, y, z]) await one!.load()
    expect(loaded()).toEqual(['x', 'y', 'z'])
    for (const one of [x, x, z]) one!.release()
    await load('w')
    expect(loaded()).toEqual(['y', 'w'])
  })

  it('loads one again that is needed while it is being unloaded', async () => {
    const { use, load, loaded, driver } = await awake()
    await load('x')
    await load('y')
    let unloaded = () => {}
    driver.does.unload = () => new Promise<void>(resolve => { unloaded = resolve })
    const z = use('z').load()
    await settle()
    const x = use('x').load()
    expect(x).toBeDefined()
    delete driver.does.unload
    unloaded()
    await Promise.all([z, x])
    expect(driver.calls.slice(2)).toEqual(['a unload x', 'a load z', 'a unload y', 'a load x'])
    expect(loaded()).toEqual(['z', 'x'])
  })

  it('has none of a name that the engine has from its start, or that nobody has', async () => {
    const { orchestrator } = await awake({ adapters: ['x', 'static'], adapterPaths: { x: '/x' } })
    expect(['a', 'static', 'toString'].map(name => orchestrator.adapterFor('a', name))).toEqual([undefined, undefined, undefined])
  })

  it.each([
    ['sleep at level 1', 1, ['x']],
    ['sleep at level 2', 2, []],
    ['stop', 3, []]
  ] as const)('knows what is left after a %s', async (_, level, left) => {
    const { load, loaded, orchestrator } = await awake()
    await load('x')
    await orchestrator.sleep('a', level)
    await orchestrator.wake('a')
    expect(loaded()).toEqual(left)
  })

  it('loads none into an engine that sleeps, and in its turn into one that wakes', async () => {
    const { load, loaded, orchestrator, driver } = await awake()
    const sleep = orchestrator.sleep('a')
    await load('x')
    await sleep
    expect(driver.calls).toEqual(['a sleep 1'])
    const wake = orchestrator.wake('a')
    await load('x')
    await wake
    expect(loaded()).toEqual(['x'])
  })

  it('fails if the engine refuses, and tries again next time', async () => {
    const { load, loaded, driver, lost, warnings } = await awake()
    driver.does.load = fails(new Error('no such file'))
    await expect(load('x')).rejects.toMatchObject({ code: 'LLMUX_ERR_ADAPTER', message: 'the LoRA adapter `x` of model `a` could not be loaded: the engine refused', lastLines: ['no such file'] })
    expect(lost).toEqual([])
    expect(warnings).toMatchObject([{ model: 'a', error: { code: 'LLMUX_ERR_ADAPTER', lastLines: ['no such file'] } }])
    delete driver.does.load
    await load('x')
    expect(loaded()).toEqual(['x'])
  })

  it('fails if it takes longer than timeouts.reload', async () => {
    const { load, driver, clock } = await awake()
    driver.does.load = hangs
    const result = outcome(load('x')!)
    await pass(clock, 59_999)
    expect(result.value).toBeUndefined()
    await pass(clock, 1)
    expect(result.value).toBe('LLMUX_ERR_ADAPTER')
  })

  it('leaves it to the requests to find out that the engine has died', async () => {
    const { load, driver, lost } = await awake()
    driver.does.load = fails(new Error('other side closed'))
    driver.does.probe = async () => false
    await load('x')
    expect(lost).toMatchObject([{ id: 'a', error: { code: 'LLMUX_ERR_PROCESS_DIED' } }])
  })

  it('is interrupted by a stop', async () => {
    const { load, driver, orchestrator } = await awake()
    driver.does.load = hangs
    const result = outcome(load('x')!)
    await settle()
    await orchestrator.stop('a')
    expect(result.value).toBe(true)
    expect(orchestrator.state('a')).toBe('stopped')
  })
})
