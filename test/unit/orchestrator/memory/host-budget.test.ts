import { describe, expect, test } from 'vitest'
import type { ResolvedModel } from '../../../../lib/options/types.ts'
import { HostBudget, type HostMemoryUser } from '../../../../lib/orchestrator/memory/host-budget.ts'
import { hostMemoryLimit } from '../../../../lib/orchestrator/memory/host-memory.ts'
import { makeModel } from '../helper.ts'

const gibibyte = 1024 ** 3

/** Engines that hold 2 GiB each, and 10 GiB more from their first sleep on. */
function setUp (limit: number, missed: Record<string, number> = {}) {
  const held = new Map<number, number>()
  const warnings: Error[] = []
  const stopped: string[] = []
  const users: (HostMemoryUser & { pid: number | undefined, asleepSince: number | undefined })[] = []
  const budget = new HostBudget({ limit: limit * gibibyte, users: () => users, read: async pid => held.get(pid), missed: id => missed[id] ?? 0, warn: (_, error) => warnings.push(error) })
  /** It has been started, and has loaded 10 GiB. */
  function start (id: string, changes: Partial<ResolvedModel> = {}) {
    const model = makeModel(id, changes)
    const user = {
      model,
      pid: users.length + 1 as number | undefined,
      asleepSince: undefined as number | undefined,
      async stop () {
        stopped.push(id)
        user.pid = user.asleepSince = undefined
      }
    }
    users.push(user)
    held.set(user.pid!, 2 * gibibyte)
    budget.readLine(model, 'INFO [gpu_model_runner.py:5298] Model loading took 10.00 GiB memory and 1.0 seconds')
    return user
  }
  async function sleep (user: ReturnType<typeof start>, frozen = 0) {
    const level = await budget.levelFor(user.model, frozen)
    if (level === 1) {
      held.set(user.pid!, 12 * gibibyte)
      await budget.learn(user.model, user.pid!)
      user.asleepSince = users.indexOf(user)
    } else if (level === 3) await user.stop()
    return level
  }
  return { budget, start, sleep, warnings, stopped }
}

describe('who sleeps at level 1', () => {
  test('does so as long as there is room', async () => {
    const { start, sleep, stopped } = setUp(30)
    expect([await sleep(start('a')), await sleep(start('b'))]).toEqual([1, 1])
    expect(stopped).toEqual([])
  })

  test('has sleepers ended for it that are missed less, the least first', async () => {
    const { start, sleep, stopped } = setUp(30, { a: 2, b: 1, c: 3 })
    for (const id of ['a', 'b']) await sleep(start(id))
    expect([await sleep(start('c')), stopped]).toEqual([1, ['b']])
  })

  test('is ended itself if it may sleep deeper and is missed the least, or goes to level 2 where that is safe', async () => {
    const { start, sleep, stopped, warnings } = setUp(30, { a: 2, b: 3, c: 1, d: 1 })
    for (const id of ['a', 'b']) await sleep(start(id))
    expect(await sleep(start('c', { sleepAuto: true }))).toBe(3)
    expect(await sleep(start('d', { sleepAuto: true, level2Safe: true }))).toBe(2)
    expect(stopped).toEqual(['c'])
    expect(warnings.map(({ message }) => message)).toEqual([
      'model `c` would keep 10240 MiB of host memory asleep, and hostMemory leaves 4096 MiB: its processes are ended',
      'model `d` would keep 10240 MiB of host memory asleep, and hostMemory leaves 4096 MiB: it sleeps at level 2'
    ])
  })

  test('is ended if there is nobody else to end', async () => {
    const { start, sleep, warnings } = setUp(8)
    expect(await sleep(start('a'))).toBe(3)
    expect(warnings).toHaveLength(1)
  })

  test('stays at level 1 with frozen requests, which are not lost for that', async () => {
    const { start, sleep, warnings } = setUp(8)
    expect(await sleep(start('a'), 2)).toBe(1)
    expect(warnings[0]!.message).toContain('it does so all the same, because requests are frozen in it')
  })

  test('needs what its first sleep was seen to add, rather than what it has loaded', async () => {
    const { budget, start, sleep } = setUp(30)
    const a = start('a')
    await sleep(a)
    expect(budget.held('a')).toBe(12 * gibibyte)
    budget.readLine(a.model, 'Model loading took 99.00 GiB memory')
    expect(await budget.levelFor(a.model, 0)).toBe(1)
  })
})

test('the limit is in bytes, or a share of what the machine or the cgroup has', () => {
  expect(hostMemoryLimit(5e9, 100, 50)).toBe(5e9)
  expect(hostMemoryLimit(0.8, 100, 50)).toBe(40)
  expect(hostMemoryLimit(0.8, 100, 0)).toBe(80)
  expect(hostMemoryLimit(1, 100, 2 ** 64)).toBe(100)
})
