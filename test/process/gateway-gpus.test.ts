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

t.test('registration refuses an unknown GPU, and lists the known ones', async t => {
  await t.rejects(start(t, { a: { gpus: [7] } }, { devices: 2 }), {
    code: 'LLMUX_ERR_OPTIONS',
    message: /models\["a"\]\.gpus must name GPUs that are there, not 7: there are 0 \(Mock GPU, GPU-.*0\), 1 \(Mock GPU, GPU-.*1\)$/
  })
})

t.test('parallel sizes and GPUs that do not agree refuse the registration', async t => {
  await t.rejects(start(t, { a: { args: ['--tensor-parallel-size', '2'] } }), { message: /must name 2 GPUs, as many as the parallel sizes in args take, not 1$/ })
  await t.rejects(start(t, { a: { gpus: [1], env: { CUDA_VISIBLE_DEVICES: '0' } } }), { message: /must name the GPUs of the option gpus, which are 1, not "0"/ })
})

const sees = (gateway: Parameters<typeof statusOf>[0], model: string) => Number(/'gpu_memory_utilization': '([\d.]+)'/.exec(gateway.app.llmux.lines(model, 200).join('\n'))?.[1])
const awake = ({ app }: Parameters<typeof statusOf>[0]) => app.llmux.status().models.filter(({ state }) => state === 'awake').map(({ name }) => name)

t.test('an engine is told its share, less what sleepers keep: those whose shares fit are awake together', async t => {
  const gpu = makeGpu({ totalMiB: 80_000 })
  const gateway = await start(t, { chat: { gpuShare: 0.6 }, embed: { gpuShare: 0.2 }, rerank: { gpuShare: 0.15 }, large: { gpuShare: 0.9 } }, { gpu, devices: 1 })
  for (const model of ['chat', 'embed', 'rerank']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  t.same(awake(gateway), ['chat', 'embed', 'rerank'])
  // Three others, of which each is taken to keep 1.5 GiB.
  t.equal(sees(gateway, 'chat'), Math.floor(0.6 * (1 - 3 * 1_536 / 80_000) * 1_000) / 1_000)
  t.equal((await gateway.chat('large', 'x')).status, 200, 'all three make room for it')
  t.same(awake(gateway), ['large'])
  for (const model of ['rerank', 'chat']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  t.same(awake(gateway), ['chat', 'rerank'], 'those come back that are asked for')
  t.notOk(gpu.records().some(({ event }) => /failed/.test(event)))
})

t.test('two halves of a GPU are two engines that are awake together', async t => {
  const gateway = await start(t, { a: { gpuShare: 0.5 }, b: { gpuShare: 0.5 } }, { devices: 1 })
  for (const model of ['a', 'b', 'a']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  t.same(awake(gateway), ['a', 'b'])
})

t.test('args and a GPU of its own leave vLLM as it is told, or to its default', async t => {
  const gateway = await start(t, { a: { args: ['--gpu-memory-utilization', '0.5'], gpuShare: 0.7 }, b: { gpus: [1] } }, { devices: 2 })
  for (const model of ['a', 'b']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  t.same([sees(gateway, 'a'), sees(gateway, 'b')], [0.5, NaN])
})

t.test('residents stay, and the others take turns beside them', async t => {
  const gateway = await start(t, { chat: { gpuShare: 0.55 }, embed: { gpuShare: 0.15, resident: true }, rerank: { gpuShare: 0.15, resident: true }, small: { gpuShare: 0.2 } }, { gpu: makeGpu({ totalMiB: 80_000 }), devices: 1 })
  const switches: string[] = []
  gateway.app.llmux.events.on('transition', ({ to, evict, outcome }) => { if (to === 'idle' && outcome === 'done') switches.push(...evict) })
  for (let round = 0; round < 2; round++) {
    for (const model of ['chat', 'embed', 'rerank', 'small']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  }
  t.same(switches, ['chat', 'small', 'chat'], 'a round costs two switches')
})

t.test('a model that may live on any GPU starts on one that is free, and stays there until its processes end', async t => {
  const any = { gpus: { any: 1 } }
  const gateway = await start(t, { a: any, b: any, pair: { gpus: { any: 2 } }, fixed: { gpus: [0] } })
  for (const model of ['fixed', 'a', 'pair']) t.equal((await gateway.chat(model, 'x')).status, 200, model)
  t.same(['fixed', 'a', 'pair'].map(model => statusOf(gateway, model).gpus), [[0], [1], [2, 3]])
  t.same(await gateway.used(), [true, true, true, true])
  t.match(statusOf(gateway, 'pair').lastLines.join('\n'), /tensor_parallel_size/)
  t.equal((await gateway.chat('b', 'x')).status, 200, 'one of them makes room')
  const place = statusOf(gateway, 'b').gpus
  await gateway.app.llmux.sleep('b')
  t.equal((await gateway.chat('b', 'x')).status, 200)
  t.same(statusOf(gateway, 'b').gpus, place)
  await t.rejects(gateway.app.llmux.update({ a: { gpus: { any: 5 } } }), { message: /gpus\.any must be at most 4, not 5: there are 0/ })
})

t.test('models that come with an update are placed like those there were', async t => {
  const gateway = await start(t, { a: {} }, { devices: 2 })
  const model = { args: ['--mock-memory', '5000'], env: gateway.gpu.env }
  await t.rejects(gateway.app.llmux.update({ a: { ...model, gpus: [4] } }), { code: 'LLMUX_ERR_OPTIONS' })
  await gateway.app.llmux.update({ a: { ...model, gpus: [1] } })
  t.equal((await gateway.chat('a', 'x')).status, 200)
  t.same(await gateway.used(), [false, true])
})
