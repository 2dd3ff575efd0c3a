import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { groupMembers, until } from '../helpers/engine-process.ts'
import { startGateway } from '../helpers/gateway.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import { Server } from '../helpers/server.ts'

// Two gateways on one machine, with the same models on the same GPU.

t.setTimeout(300_000)

t.test('a second gateway says who has the GPU, and takes over when the first is killed in the middle of a start', async t => {
  const runtime = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  const gpu = makeGpu()
  const searchPath = process.env.PATH
  process.env.PATH = `${gpu.bin}:${searchPath}`
  const servers: Server[] = []
  t.teardown(async () => {
    process.env.PATH = searchPath
    for (const server of servers) if (server.child.exitCode === null && server.child.signalCode === null) await server.kill()
    await until('nobody is left', () => servers.every(server => [...server.groups].every(group => groupMembers(group).length === 0) && server.watcher() === undefined), 30_000)
    rmSync(runtime, { recursive: true })
    gpu.remove()
  })
  const start = async (startMs: number) => {
    const models = { a: { env: { ...gpu.env }, args: ['--mock-start-ms', String(startMs)] } }
    const server = new Server({ models, command: [...mockCommand], gpuMemoryCommand: [...gpu.command] }, runtime)
    servers.push(server)
    await server.url()
    return server
  }
  const first = await start(60_000)
  const second = await start(10)
  await until('it has told who holds the GPU', () => second.events.some(({ message }) => message?.includes(`GPU ${gpu.uuid(0)} belongs to another gateway, process ${first.pid}`)))
  const models = await fetch(`${await second.url()}/v1/models`)
  t.equal(models.status, 200, 'its models are listed')
  const refused = await second.chat('a')
  t.equal(refused.status, 503)
  t.match(JSON.parse(refused.text).error, { code: 'LLMUX_ERR_GPU_CLAIMED' })

  first.chat('a').catch(() => {}) // it breaks, as it must
  await until('the first starts an engine', async () => (await gpu.memory()).used > 0, 60_000)
  t.equal((await second.chat('a')).status, 503, 'a GPU in use is not shared')
  await first.kill()
  await until('the second serves', async () => (await second.chat('a')).status === 200, 60_000)
  t.notOk(gpu.records().some(({ event }) => event === 'start-failed'), 'its engine did not start before the other was gone')
})

t.test('readiness tells of a GPU that belongs to another gateway, for as long as it does', async t => {
  const gpu = makeGpu()
  const searchPath = process.env.PATH
  process.env.PATH = `${gpu.bin}:${searchPath}`
  t.teardown(() => {
    process.env.PATH = searchPath
    gpu.remove()
  })
  const [first, second] = [await startGateway({ models: ['a'], gpu }), await startGateway({ models: ['a'], gpu })]
  t.teardown(() => Promise.all([first.close(), second.close()]))
  t.match(first.app.llmux.readiness(), { ready: true })
  t.match(second.app.llmux.readiness(), { ready: false, reason: /belongs to another gateway/ })
  await first.close()
  t.match(second.app.llmux.readiness(), { ready: true })
  t.equal((await second.chat('a', 'x')).status, 200)
})
