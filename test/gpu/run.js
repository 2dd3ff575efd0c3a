// usage: LLMUX_VLLM=vllm npm run test:gpu -- --model PATH --model PATH [--arg WORD]... [--seconds 480] [--json FILE]
//        npm run test:gpu -- --mock      tries the script itself, without a GPU
// For a machine with a GPU: the gateway end to end with figures, `validate`, and the contract suite, one after the other and in so many
// seconds together. What there is no time for is said. Two small models have the most done; each start of vLLM takes about 45 s.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeNvidiaSmi } from '../helpers/nvidia-smi.js'

const { values } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    arg: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '480' },
    json: { type: 'string', default: 'reports/gpu.json' },
    mock: { type: 'boolean', default: false }
  }
})
const command = process.env['LLMUX_VLLM']
if (!values.mock && (!command || values.model.length !== 2)) {
  console.error('usage: LLMUX_VLLM=vllm npm run test:gpu -- --model PATH --model PATH (or --mock, without a GPU)')
  process.exit(2)
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'llmux-gpu-'))
const mock = [process.execPath, join(root, 'mock-vllm/bin.js')]
const env = values.mock ? { ...process.env, MOCK_VLLM_GPU: folder, PATH: `${makeNvidiaSmi(folder, [...mock, 'gpu', '--gpu', folder])}:${process.env['PATH']}` } : process.env
const deadline = performance.now() + Number(values.seconds) * 1_000
const left = () => deadline - performance.now()
const file = (/** @type {string} */ name) => join(folder, name)
/** @param {string} name */
const read = name => existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : undefined

/** @typedef {{ step: string, result: 'passed' | 'failed' | 'out of time' | 'not run', seconds: number, detail: string, output?: unknown }} Outcome */

/** One step, as a process group of its own that ends with its time. @param {string} step @param {number} least seconds without which it is not begun @param {string[]} words @returns {Promise<Outcome>} */
async function play (step, least, [program = '', ...args]) {
  if (left() < least * 1_000) return { step, result: 'not run', seconds: 0, detail: `${Math.max(0, Math.round(left() / 1_000))} s were left, ${least} are needed` }
  console.log(`\n=== ${step}`)
  const began = performance.now()
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  let late = false
  const timer = setTimeout(() => {
    late = true
    process.kill(-(/** @type {number} */ (child.pid)), 'SIGTERM')
  }, left())
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  return { step, result: late ? 'out of time' : code === 0 ? 'passed' : 'failed', seconds: Math.round((performance.now() - began) / 1_000), detail: '' }
}

const models = values.model.flatMap(path => ['--model', path])
const words = values.arg.map(word => `--arg=${word}`)

async function endToEnd () {
  const outcome = await play('end to end', 120, [process.execPath, 'test/e2e/run.js', '--levels', '1,2', '--figures', '--json', file('e2e.json'), ...values.mock ? ['--mock'] : [...models, ...words]])
  const output = read('e2e.json')
  const passed = output?.checks.filter((/** @type {{ ok: boolean }} */ { ok }) => ok).length
  return { ...outcome, ...(output && { output, detail: `${passed} of ${output.checks.length} checks` }) }
}

async function validate () {
  const model = values.mock ? { path: 'mock', args: ['--mock-memory', '20000', '--mock-memory-lag', '0'] } : { path: values.model[0], args: values.arg }
  writeFileSync(file('llmux.json'), JSON.stringify({ command: values.mock ? mock : command?.split(' '), models: { model } }))
  const outcome = await play('validate', 90, [process.execPath, 'dist/bundle/cli/bin.js', 'validate', '--config', file('llmux.json'), '--cycles', '2', '--level', '1,2', '--json', file('validate.json')])
  const output = read('validate.json')
  return { ...outcome, ...(output && { output }) }
}

/** Freezing and sleep first: what the gateway relies on most. @param {string} name */
async function contract (name) {
  return await play(`contract: ${name}`, 60, ['npx', 'tap', 'run', '--timeout=1200', '--jobs=1', `test/contract/${name}.test.ts`])
}

if (!values.mock) env['LLMUX_VLLM_MODEL'] = values.model[0]
const outcomes = [await endToEnd(), await validate()]
for (const name of ['freeze', 'sleep', 'serving', 'start', 'death']) outcomes.push(await contract(name))
rmSync(folder, { recursive: true, force: true })
writeFileSync(join(root, values.json), JSON.stringify({ engine: values.mock ? 'mocks' : command, models: values.model, date: new Date().toISOString(), outcomes }, null, 2))
console.log(`\n| step | result | seconds | |\n|---|---|---|---|\n${outcomes.map(({ step, result, seconds, detail }) => `| ${step} | ${result} | ${seconds} | ${detail} |`).join('\n')}\n\nThe whole of it is in ${values.json}.`)
process.exitCode = outcomes.some(({ result }) => result === 'failed') ? 1 : 0
