import t from 'tap'
import type { EngineChange } from '../../lib/index.ts'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { startGateway } from '../helpers/gateway.ts'
import type { TestGateway } from '../helpers/gateway.ts'
import { nextEvent, statusOf } from '../helpers/gateway-view.ts'

/** A gateway whose engines' memory comes back a good while after their end, and what its engines do. */
async function setUp (t: { teardown: (end: () => unknown) => unknown }, options: Parameters<typeof startGateway>[0]) {
  const gateway = await startGateway({ mock: { 'memory-lag': 700 }, ...options })
  t.teardown(() => gateway.close())
  const changes: EngineChange[] = []
  gateway.app.llmux.events.on('engine', change => changes.push(change))
  return { gateway, changes }
}

async function kill ({ app }: TestGateway, model: string): Promise<void> {
  const group = statusOf({ app }, model).pid!
  process.kill(-group, 'SIGKILL')
  await until('the group is gone', () => groupMembers(group).length === 0)
}

const starts = ({ gpu }: TestGateway) => gpu.records().filter(({ event }) => event === 'starting').length
const failedStarts = ({ gpu }: TestGateway) => gpu.records().filter(({ event }) => event === 'start-failed')

t.test('an engine that was killed is started again when its memory is back, not before', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a'] })
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  await kill(gateway, 'a')
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.same(failedStarts(gateway), [])
  t.equal(starts(gateway), 2)
  t.ok(changes.at(-1)!.memory! > 0, 'the event says how long it took')
})

t.test('a neighbour that starts or wakes waits for the memory of one that was killed', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a', 'b'] })
  await gateway.chat('b', 'hello')
  for (const wish of ['wakes', 'starts']) {
    await gateway.chat('a', 'hello')
    if (wish === 'starts') await gateway.app.llmux.stop('b')
    await kill(gateway, 'a')
    t.equal((await gateway.chat('b', 'hello')).status, 200, wish)
    t.ok(changes.at(-1)!.memory! > 0, 'the event says how long it took')
  }
  t.same(gateway.gpu.records().filter(({ event }) => /failed/.test(event)), [])
})

t.test('without a command it goes by the end of the processes', async t => {
  const { gateway, changes } = await setUp(t, { models: ['a'], mock: { 'memory-lag': 0 }, gpuMemoryCommand: false })
  await gateway.chat('a', 'hello')
  await kill(gateway, 'a')
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.notOk('memory' in changes.at(-1)!)
})

t.test('a command that fails is a warning, and nothing is waited for', async t => {
  const { gateway } = await setUp(t, { models: ['a'], gpuMemoryCommand: ['/bin/sh', '-c', 'echo no driver >&2; exit 9'] })
  const warning = nextEvent(gateway.app.llmux.events, 'warning', () => true)
  t.equal((await gateway.chat('a', 'hello')).status, 200)
  t.match(await warning, { model: 'a', error: { code: 'LLMUX_ERR_MEMORY_COMMAND', message: /no driver/ } })
})
