import t, { type Test } from 'tap'
import type { ModelOptions } from '../../lib/index.ts'
import { startGateway, type TestGatewayOptions } from '../helpers/gateway.ts'
import { statusOf } from '../helpers/gateway-view.ts'
import { makeGpu } from '../helpers/mock-engine.ts'

// Several GPUs, of which nvidia-smi tells, and engines that see those that their environment names.

const searchPath = process.env.PATH

async function start (t: Test, models: Record<string, ModelOptions>, { devices = 4, gpu = makeGpu({ totalMiB: 10_000, devices }), visible, ...options }: Partial<TestGatewayOptions> & { devices?: number, visible?: string } = {}) {
  process.env.PATH = `${gpu.bin}:${searchPath}`
  if (visible !== undefined) process.env.CUDA_VISIBLE_DEVICES = visible
  t.teardown(() => {
    process.env.PATH = searchPath
    delete process.env.CUDA_VISIBLE_DEVICES
    gpu.remove()
  })
  const gateway = await startGateway({ models, gpu, ...options })
  t.teardown(() => gateway.close())
  const used = async () => (await gpu.memories()).map(({ used }) => used > 1_000)
  return { ...gateway, used }
}

t.test('an engine lives on the GPUs that its model names, by index or UUID', async t => {
  const gpu = makeGpu({ totalMiB: 10_000, devices: 4 })
  const gateway = await start(t, { one: { gpus: [1] }, two: { gpus: [gpu.uuid(2), 3] } }, { gpu })
  t.equal((await gateway.chat('one', 'x')).status, 200)
  t.same(await gateway.used(), [false, true, false, false])
  t.equal((await gateway.chat('two', 'x')).status, 200)
  t.same(await gateway.used(), [false, true, true, true], 'a tensor-parallel engine takes all of its GPUs, and the other stays awake')
  t.match(statusOf(gateway, 'two'), { gpus: [2, 3], state: 'awake' })
  t.match(statusOf(gateway, 'two').lastLines.join('\n'), /tensor_parallel_size/)
})

t.test('an index counts the GPUs that the gateway may see', async t => {
  const gateway = await start(t, { a: { gpus: [1] } }, { visible: '3,2' })
  t.equal((await gateway.chat('a', 'x')).status, 200)
  t.same(await gateway.used(), [false, false, true, false])
  t.same(statusOf(gateway, 'a').gpus, [2], 'the status counts as nvidia-smi does')
})

t.test('memory is looked at on the GPU that the engine lives on', async t => {
  const gateway = await start(t, { a: { gpus: [2], sleepLevel: 3 }, b: { gpus: [2], sleepLevel: 3 } }, { mock: { 'memory-lag': 300 } })
  for (const model of ['a', 'b', 'a']) t.equal((await gateway.chat(model, 'x')).status, 200, 'no start finds too little memory')
  t.notOk(gateway.gpu.records().some(({ event }) => event === 'start-failed'))
})

t.test('a GPU that is not there refuses the registration, and those that are there are listed', async t => {
  await t.rejects(start(t, { a: { gpus: [7] } }, { devices: 2 }), {
    code: 'LLMUX_ERR_OPTIONS',
    message: /models\["a"\]\.gpus must name GPUs that are there, not 7: there are 0 \(Mock GPU, GPU-.*0\), 1 \(Mock GPU, GPU-.*1\)$/
  })
})

t.test('parallel sizes and GPUs that do not agree refuse the registration', async t => {
  await t.rejects(start(t, { a: { args: ['--tensor-parallel-size', '2'] } }), { message: /must name 2 GPUs, as many as the parallel sizes in args take, not 1$/ })
  await t.rejects(start(t, { a: { gpus: [1], env: { CUDA_VISIBLE_DEVICES: '0' } } }), { message: /must name the GPUs of the option gpus, which are 1, not "0"/ })
})

t.test('models that come with an update are placed like those there were', async t => {
  const gateway = await start(t, { a: {} }, { devices: 2 })
  const model = { args: ['--mock-memory', '5000'], env: gateway.gpu.env }
  await t.rejects(gateway.app.llmux.update({ a: { ...model, gpus: [4] } }), { code: 'LLMUX_ERR_OPTIONS' })
  await gateway.app.llmux.update({ a: { ...model, gpus: [1] } })
  t.equal((await gateway.chat('a', 'x')).status, 200)
  t.same(await gateway.used(), [false, true])
})
