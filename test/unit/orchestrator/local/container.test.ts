import { describe, expect, it } from 'vitest'
import { containerName, containerOutside, runArgv, type Contained } from '../../../../lib/orchestrator/local/container.ts'
import type { ContainerOptions } from '../../../../lib/options/types.ts'
import { modelOf, refusal, withModel } from '../../options/helper.ts'

const containerOf = (container: ContainerOptions, more = {}) => modelOf(withModel({ path: '/models/qwen', container, ...more })).container!

function run (container: ContainerOptions, more: Partial<Contained> = {}): string {
  return runArgv('llmux-a-1', {
    id: 'a', container: containerOf(container), gpuEnv: {}, gpuNames: [], address: { socket: '/run/user/1/llmux-x/y.sock' }, argv: ['vllm', 'serve', '/models/qwen'], env: {}, ...more
  }).join(' ')
}

const nvidia = { gpuNames: ['GPU-1', 'GPU-2'], gpuEnv: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '0,2' } }
const common = `run --rm --init --name llmux-a-1 --label fastify-llmux.model=a --label fastify-llmux.gateway=${process.pid}`

describe('the command line of a container', () => {
  it('has an init, our name and labels, no network, the model to read and the folder of the socket', () => {
    expect(run({ image: 'vllm/vllm-openai:v0.32.0' })).toBe(
      `podman ${common} --network none --volume /models/qwen:/models/qwen:ro --volume /run/user/1/llmux-x:/run/user/1/llmux-x --entrypoint  vllm/vllm-openai:v0.32.0 vllm serve /models/qwen`)
  })

  it('shares the machine\'s loopback where the engine has a port', () => {
    const container = containerOf({ image: 'i' }, { port: 8000 })
    expect(run({ image: 'i' }, { container, address: { port: 8000 } })).toBe(`podman ${common} --network host --volume /models/qwen:/models/qwen:ro --entrypoint  i vllm serve /models/qwen`)
  })

  it('hands over the GPUs as each runtime has it, and no numbers that are counted anew inside', () => {
    expect(run({ image: 'i' }, { ...nvidia, env: nvidia.gpuEnv })).toContain('--device nvidia.com/gpu=0 --device nvidia.com/gpu=2 --volume')
    expect(run({ image: 'i' }, { ...nvidia, env: nvidia.gpuEnv })).not.toContain('--env')
    expect(run({ image: 'i', runtime: 'docker' }, nvidia)).toMatch(/^docker run .*--gpus "device=0,2" --volume/)
    expect(run({ image: 'i' }, { gpuNames: ['amd-1'], gpuEnv: { HIP_VISIBLE_DEVICES: '1' }, env: { HIP_VISIBLE_DEVICES: '1' } })).toMatch(/--device \/dev\/kfd --device \/dev\/dri .*--env HIP_VISIBLE_DEVICES/)
  })

  it('hands over none where nobody tells what GPUs there are', () => {
    expect(run({ image: 'i' }, { ...nvidia, gpuNames: [] })).not.toContain('--device')
  })

  it('names the environment without its values', () => {
    const line = run({ image: 'i' }, { env: { VLLM_API_KEY: 'secret', A: '1' } })
    expect(line).toContain('--env VLLM_API_KEY --env A --entrypoint')
    expect(line).not.toContain('secret')
  })

  it('takes a root file system, another program, more arguments, a folder of models, a network', () => {
    expect(run({ rootfs: '/srv/fs', command: ['sudo', 'podman'], args: ['--ipc=host'], models: '/models', network: 'slirp4netns' })).toMatch(
      /^sudo podman run .*--network slirp4netns --volume \/models:\/models:ro .*--entrypoint {2}--ipc=host --rootfs \/srv\/fs vllm serve/)
  })
})

describe('a container\'s name', () => {
  it('tells whose it is, and is nobody else\'s', () => {
    expect(containerName('org/Qwen 3')).toMatch(new RegExp(`^llmux-org-Qwen-3-${process.pid}-[0-9a-f]{8}$`))
    expect(containerName('漢')).toMatch(/^llmux-model-/)
    expect(containerName('a')).not.toBe(containerName('a'))
  })

  it('is what it is signalled, looked for and removed by', () => {
    const { signal, list, end } = containerOutside('llmux-a-1', containerOf({ image: 'i', runtime: 'docker' }))
    expect(signal('SIGTERM')).toEqual(['docker', 'kill', '--signal', 'SIGTERM', 'llmux-a-1'])
    expect(list).toEqual(['docker', 'ps', '--all', '--quiet', '--filter', 'name=^llmux-a-1$'])
    expect(end).toEqual(['docker', 'rm', '--force', 'llmux-a-1'])
  })
})

describe('the option container', () => {
  it.each([
    [{ container: {} }, 'models["a"].container.image must be given, or else rootfs, and not both'],
    [{ container: { image: 'i', rootfs: '/r' } }, 'models["a"].container.image must be given, or else rootfs, and not both'],
    [{ container: { rootfs: '/r', runtime: 'docker' } }, 'models["a"].container.rootfs must be left out: docker runs images only'],
    [{ container: { image: 'i', models: 'models' } }, 'models["a"].container.models must be an absolute path'],
    [{ container: { image: 'i' }, path: './m' }, 'models["a"].path must be absolute, or a name on the hub, where the engine runs in a container'],
    [{ container: { image: 'i', runtime: 'lxc' } }, 'models["a"].container.runtime must be "podman" or "docker", not "lxc"']
  ])('is checked: %j', (model, message) => expect(refusal(() => withModel(model as never))).toBe(message))
})
