import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EngineProcess, until, type StartOptions } from '../helpers/engine-process.ts'
import { StreamReader } from '../helpers/event-stream.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'

/**
 * The suite runs against one engine command, chosen by the environment:
 * - nothing: mock-vllm; LLMUX_MOCK_VERSION has it speak as an older version does
 * - LLMUX_VLLM=FOLDER: the real vLLM that install-vllm.sh put there, on a CPU
 * - LLMUX_VLLM="words…" with LLMUX_VLLM_MODEL: the command of any other, on a GPU
 */
export interface EngineUnderTest {
  readonly title: string
  readonly command: readonly string[]
  readonly model: string
  readonly env: Record<string, string>
  readonly args: readonly string[]
  /** Without one (a CPU build) a sleep is a state only: it frees nothing, drops nothing, and `--enable-sleep-mode` is refused. */
  readonly hasDeviceMemory: boolean
  /** MiB held on the device, where something tells */
  readonly memoryUsed?: () => Promise<number>
  /** `0.32` → 32 */
  readonly minor: number
  /** speaks as 0.17 did; where between there and 0.28 each change came is not known */
  readonly isOld: boolean
  /** the model runs in a process below EngineCore; if not, in EngineCore itself */
  readonly hasWorker: boolean
  /** flags for a start that is slow enough to be looked at */
  readonly slowStart: readonly string[]
  /** ms a start may take */
  readonly patience: number
  /** tokens of a stream that is not over before something can be done to it: a tiny model says a thousand in a second, and the test may have to wait for a processor */
  readonly long: number
  /** letters of a prompt that takes a while to be computed, and fits */
  readonly longPrompt: number
  /** ms after which "no byte came" is believed */
  readonly awhile: number
}

const gpu = makeGpu()
t.teardown(() => gpu.remove())

function mock (): EngineUnderTest {
  const version = process.env['LLMUX_MOCK_VERSION'] ?? '0.32.0'
  const isOld = minorOf(version) < 28
  return {
    title: `mock-vllm as ${version}`,
    command: mockCommand,
    model: 'tiny-model',
    env: gpu.env,
    args: ['--mock-version', version, '--mock-task', 'generate', '--mock-workers', isOld ? '0' : '1', '--max-model-len', '512', '--mock-start-ms', '300', '--mock-token-ms', '5', '--mock-memory-lag', '10', '--gpu-memory-utilization', '0.4'],
    hasDeviceMemory: true,
    memoryUsed: async () => (await gpu.memory()).used,
    minor: minorOf(version),
    isOld,
    hasWorker: !isOld,
    slowStart: ['--mock-start-ms', '1500'],
    patience: 20_000,
    awhile: 150,
    long: 450,
    longPrompt: 200
  }
}

function vllmOnCpu (dir: string): EngineUnderTest {
  const version = installedVersion(dir)
  return {
    title: `vLLM ${version} on a CPU`,
    command: [fileURLToPath(new URL('vllm-cpu.sh', import.meta.url))],
    model: join(dir, 'models', 'tiny-a'),
    env: { LLMUX_VLLM: dir },
    args: [],
    hasDeviceMemory: false,
    minor: minorOf(version),
    isOld: minorOf(version) < 28,
    hasWorker: minorOf(version) >= 28,
    slowStart: [],
    patience: 300_000,
    awhile: 1500,
    long: 7800,
    longPrompt: 7_000
  }
}

function vllmOnGpu (command: string): EngineUnderTest {
  const minor = minorOf(process.env['LLMUX_VLLM_VERSION'] ?? '0.32.0')
  return {
    title: command,
    command: command.split(' '),
    model: process.env['LLMUX_VLLM_MODEL'] ?? 'Qwen/Qwen3-0.6B',
    env: {},
    args: [],
    hasDeviceMemory: true,
    minor,
    isOld: minor < 28,
    // One GPU needs none.
    hasWorker: false,
    slowStart: [],
    patience: 600_000,
    awhile: 1500,
    long: 450,
    longPrompt: 20_000
  }
}

function minorOf (version: string): number {
  return Number(version.split('.')[1])
}

/** The stub of metadata that install-vllm.sh leaves says it without starting Python. */
function installedVersion (dir: string): string {
  const text = readFileSync(join(dir, 'pyvenv.cfg'), 'utf8')
  const python = /version\s*=\s*(\d+\.\d+)/.exec(text)?.[1] ?? '3'
  for (const name of [`python${python}`, 'python3']) {
    const file = join(dir, 'lib', name, 'site-packages', 'vllm', '_version.py')
    const found = existsSync(file) && /^__version__ = version = '([\d.]+)/m.exec(readFileSync(file, 'utf8'))
    if (found) return found[1] ?? ''
  }
  throw new Error(`no vLLM in ${dir}`)
}

function choose (): EngineUnderTest {
  const { LLMUX_VLLM: given } = process.env
  if (!given) return mock()
  return existsSync(join(given, 'bin', 'vllm')) ? vllmOnCpu(given) : vllmOnGpu(given)
}

export const subject = choose()
t.comment(`engine under test: ${subject.title}`)
// A start takes half a minute on a CPU, and there are several in a file.
t.setTimeout(subject.patience * 20)

/** The names the tests give to the model; the first is in every answer. */
export const names = ['served', 'alias']

type Overrides = Partial<Omit<StartOptions, 'command'>>

function optionsOf ({ args = [], env, ...rest }: Overrides): StartOptions {
  return { command: subject.command, model: subject.model, ...rest, args: ['--served-model-name', ...names, ...subject.args, ...args], env: { ...subject.env, ...env } }
}

/** An engine that is healthy, and is gone when the test is over. */
export async function startEngine (t: Test, overrides: Overrides = {}): Promise<EngineProcess> {
  t.setTimeout(subject.patience * 3)
  const engine = await EngineProcess.start(optionsOf(overrides), subject.patience)
  t.teardown(() => engine.destroy())
  return engine
}

/** One that is not healthy yet, or never will be. */
export async function spawnEngine (t: Test, overrides: Overrides = {}): Promise<EngineProcess> {
  t.setTimeout(subject.patience * 3)
  const engine = await EngineProcess.spawn(optionsOf(overrides))
  t.teardown(() => engine.destroy())
  return engine
}

/** A chat request of so many tokens, whatever the model would rather say. */
export function chat (tokens: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: 'served', messages: [{ role: 'user', content: 'Tell me.' }], max_tokens: tokens, ignore_eos: true, temperature: 0, ...more }
}

/** A stream of which a token has come, and which has some hundred to go. */
export async function streamInFlight (engine: EngineProcess, signal?: AbortSignal): Promise<StreamReader> {
  const reader = new StreamReader(await engine.open('/v1/chat/completions', { body: chat(subject.long, { stream: true }), ...(signal && { signal }) }))
  await until('the stream has begun', () => reader.end !== undefined || reader.chunks.length > 2, 60_000)
  return reader
}

/** What a model says at temperature 0: changed by nothing that is done well. */
export async function answerOf (engine: EngineProcess): Promise<string> {
  const { choices } = await engine.json('/v1/chat/completions', { body: chat(20) })
  return choices[0].message.content
}

/** No new byte for a while. */
export async function standsStill (reader: StreamReader): Promise<void> {
  await until('the stream stands still', async () => {
    const { length } = reader.text
    await delay(subject.awhile)
    return reader.text.length === length
  }, 60_000)
}

/** Nothing comes of it for a while. */
export async function isHeld (promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(() => false, () => false)
  return await Promise.race([settled, delay(subject.awhile, true)])
}
