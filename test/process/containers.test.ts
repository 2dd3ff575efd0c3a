import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, until } from '../helpers/engine-process.ts'
import { deaths, play } from '../helpers/failure-cases.ts'
import { startGateway } from '../helpers/gateway.ts'
import { statusOf } from '../helpers/gateway-view.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'
import { findPodman } from '../helpers/engine-containers.ts'
import { Server } from '../helpers/server.ts'
import { storm } from '../storm/storm.js'

// Real containers start and end here, and the machine may be busy.
t.setTimeout(900_000)

const podman = findPodman()
t.comment(podman.real ? 'containers are podman\'s' : 'podman does not run here: what stands in for it proves the commands, not the containers')
t.teardown(() => podman.remove())

/** Those of one gateway. */
const containersOf = (pid: number) => podman.list().filter(name => name.includes(`-${pid}-`))
const ours = () => containersOf(process.pid)

t.test('two models in containers take turns, and nothing is left', async t => {
  const gpu = makeGpu()
  const container = podman.container(gpu.dir)
  const gateway = await startGateway({ gpu, models: { a: { container }, b: { container, sleepLevel: 3 } } })
  t.teardown(() => gateway.close())
  for (const name of ['a', 'b', 'a', 'b', 'a']) {
    const answer = await gateway.chat(name, 'hello')
    t.match(await answer.text(), `engine=${name}`)
  }
  t.match(statusOf(gateway, 'b'), { state: 'stopped' })
  t.equal(ours().length, 1, 'one container is there')
  if (podman.real) t.match(JSON.parse(podman.call('inspect', ours()[0]!)), [{ Config: { Labels: { 'fastify-llmux.model': 'a' } }, HostConfig: { NetworkMode: 'none' } }])
  await gateway.app.close()
  t.same(ours(), [])
})

t.test('an engine in a container on a port', async t => {
  const gpu = makeGpu()
  const gateway = await startGateway({ gpu, models: { a: { container: podman.container(gpu.dir), port: await freePort() } } })
  t.teardown(() => gateway.close())
  t.match(await (await gateway.chat('a', 'hello')).text(), 'engine=a')
})

t.test('the failure matrix, in containers', async t => {
  // While one container starts, another can die.
  t.jobs = 2
  await Promise.all(deaths(['EngineCore', 'init', 'client'], podman.find).map(death => t.test(death.name, { buffered: true }, async t => {
    const gpu = makeGpu()
    await play(t, death, { options: { container: podman.container(gpu.dir) }, gpu })
  })))
  t.same(ours(), [], 'nothing is left')
})

/** A gateway in a process of its own, with one engine awake and another asleep. */
async function serving (t: Test) {
  const runtime = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  const gpu = makeGpu()
  const servers: Server[] = []
  const start = () => {
    const model = { env: { ...gpu.env }, container: podman.container(gpu.dir) }
    const server = new Server({ models: { a: model, b: model }, command: [...mockCommand], gpuMemoryCommand: [...gpu.command] }, runtime)
    servers.push(server)
    return server
  }
  t.teardown(async () => {
    for (const server of servers) {
      if (server.child.exitCode === null && server.child.signalCode === null) await server.kill()
      for (const name of containersOf(server.pid)) podman.call('rm', '--force', name)
    }
    gpu.remove()
    rmSync(runtime, { recursive: true })
  })
  const server = start()
  for (const model of ['b', 'a']) t.equal((await server.chat(model)).status, 200)
  t.equal(containersOf(server.pid).length, 2)
  return { server, start, gpu }
}

t.test('the gateway is killed: soon no container is left, and the memory is back', async t => {
  const { server, gpu } = await serving(t)
  const since = performance.now()
  await server.kill()
  await until('nothing is left', () => containersOf(server.pid).length === 0, 30_000)
  // What the product promises.
  t.ok(performance.now() - since < 5_000, `all gone after ${Math.round(performance.now() - since)} ms`)
  await until('the memory is back', async () => (await gpu.memory()).used === 0)
})

t.test('the gateway is killed together with all that watches over it: the next one ends the containers, and serves', async t => {
  const { server, start } = await serving(t)
  process.kill(server.pid, 'SIGSTOP')
  for (const pid of [...server.keepers(), server.watcher()!]) process.kill(pid, 'SIGKILL')
  await server.kill()
  t.equal(containersOf(server.pid).length, 2, 'they live on')
  const second = start()
  t.equal((await second.chat('b')).status, 200)
  t.same(containersOf(server.pid), [])
  const told = second.events.filter(({ warning }) => warning === 'LLMUX_ERR_ORPHANS').map(({ message }) => message).join('\n')
  for (const model of ['a', 'b']) t.match(told, new RegExp(`llmux-${model}-${server.pid}-\\w+ has been ended`))
})

t.test('a storm on engines in containers: everybody who stays is answered whole', async t => {
  const seed = Number(process.env['STORM_SEED'] ?? 1_000)
  const { faults, tally } = await storm({ policy: 'even-handed', seed, seconds: 6, requests: 60, models: 2, home: gpu => ({ container: podman.container(gpu) }) })
  t.same(faults, [])
  t.same(Object.keys(tally).filter(outcome => !/^(left|whole)$/.test(outcome)), [], JSON.stringify(tally))
  t.same(ours(), [])
})
