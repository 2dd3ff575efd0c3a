// usage: LLMUX_VLLM=DIR npm run test:e2e-vllm -- [--level3 10] [--levels 1,2,3] [--figures] [--chapters REGEXP] [--json FILE] [--mock]
//        LLMUX_VLLM=vllm npm run test:e2e-vllm -- --model PATH --model PATH [--arg WORD]... on a machine with a GPU
// DIR was made by test/contract/install-vllm.sh; on two cores it takes about ten minutes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { coreCrash, sigkill, sigterm } from './chapters/ends.js'
import { figures } from './chapters/figures.js'
import { frozenAnswers } from './chapters/freezing.js'
import { loraAdapters } from './chapters/lora.js'
import { clients, firstRequests } from './chapters/serving.js'
import { backAndForth, midStream } from './chapters/switching.js'
import { Report } from './report.js'
import { onLevel } from './stage.js'
import { mocks, realVllm, vllmOnGpu } from './subject.js'

const { values } = parseArgs({
  options: {
    levels: { type: 'string', default: '1,2,3' },
    level3: { type: 'string', default: '10' },
    model: { type: 'string', multiple: true },
    arg: { type: 'string', multiple: true, default: [] },
    figures: { type: 'boolean', default: false },
    chapters: { type: 'string', default: '' },
    json: { type: 'string' },
    mock: { type: 'boolean', default: false }
  }
})
const given = process.env['LLMUX_VLLM'] ?? ''
if (!values.mock && given === '') {
  console.error('LLMUX_VLLM is not set: to the folder that test/contract/install-vllm.sh has made, or with --model twice to a command (--mock tries the suite itself)')
  process.exit(2)
}
const gpu = mkdtempSync(join(tmpdir(), 'llmux-e2e-'))
process.once('exit', () => rmSync(gpu, { recursive: true, force: true }))

function subject () {
  if (values.mock) return mocks(gpu)
  return values.model === undefined ? realVllm(given) : vllmOnGpu(given, values.model, values.arg)
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => process.exit(1))
const report = new Report()
const setting = { subject: subject(), report, wanted: new RegExp(values.chapters), expected: new Map() }
const levels = values.levels.split(',')
console.log(`End to end with ${setting.subject.title}`)

if (levels.includes('1')) {
  await onLevel(setting, 1, async chapter => {
    await chapter('first requests', firstRequests)
    if (values.figures) await chapter('figures', figures)
    await chapter('clients', clients)
    await chapter('a switch amid streams', midStream)
    await chapter('answers frozen ten times', frozenAnswers)
    await chapter('ten switches', stage => backAndForth(stage, 10))
    await chapter('LoRA adapters', loraAdapters)
    await chapter('EngineCore crashes', coreCrash)
    await chapter('SIGTERM under load', sigterm)
  })
}
if (levels.includes('2')) {
  await onLevel(setting, 2, async chapter => {
    await chapter('first requests', firstRequests)
    if (values.figures) await chapter('figures', figures)
    await chapter('answers frozen ten times', frozenAnswers)
    await chapter('ten switches', stage => backAndForth(stage, 10))
    await chapter('SIGKILL under load', sigkill)
  })
}
if (levels.includes('3')) {
  await onLevel(setting, 3, async chapter => {
    await chapter('first requests', firstRequests)
    await chapter(`${values.level3} switches`, stage => backAndForth(stage, Number(values.level3)))
  })
}

report.print()
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ engine: setting.subject.title, checks: report.checks, times: report.times, figures: report.figures }, null, 2))
process.exitCode = report.checks.length > 0 && report.checks.every(({ ok }) => ok) ? 0 : 1
