// usage: LLMUX_VLLM=DIR npm run test:e2e-vllm -- [--level3 10] [--levels 1,2,3] [--json FILE] [--mock]
// DIR was made by test/contract/install-vllm.sh; on two cores it takes about ten minutes.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { coreCrash, sigkill, sigterm } from './chapters/ends.js'
import { frozenAnswers } from './chapters/freezing.js'
import { clients, firstRequests } from './chapters/serving.js'
import { backAndForth, midStream } from './chapters/switching.js'
import { Report } from './report.js'
import { onLevel } from './stage.js'
import { mocks, realVllm } from './subject.js'

const { values } = parseArgs({
  options: {
    levels: { type: 'string', default: '1,2,3' },
    level3: { type: 'string', default: '10' },
    json: { type: 'string' },
    mock: { type: 'boolean', default: false }
  }
})
const given = process.env['LLMUX_VLLM']
if (!values.mock && !given) {
  console.error('LLMUX_VLLM is not set: to the folder that test/contract/install-vllm.sh has made (--mock tries the suite itself)')
  process.exit(2)
}
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => process.exit(1))
const report = new Report()
const setting = { subject: values.mock ? mocks() : realVllm(given ?? ''), report, expected: new Map() }
const levels = values.levels.split(',')
console.log(`End to end with ${setting.subject.title}`)

if (levels.includes('1')) {
  await onLevel(setting, 1, async chapter => {
    await chapter('first requests', firstRequests)
    await chapter('clients', clients)
    await chapter('a switch amid streams', midStream)
    await chapter('answers frozen ten times', frozenAnswers)
    await chapter('ten switches', stage => backAndForth(stage, 10))
    await chapter('EngineCore crashes', coreCrash)
    await chapter('SIGTERM under load', sigterm)
  })
}
if (levels.includes('2')) {
  await onLevel(setting, 2, async chapter => {
    await chapter('first requests', firstRequests)
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
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ engine: setting.subject.title, checks: report.checks, times: report.times }, null, 2))
process.exitCode = report.checks.length > 0 && report.checks.every(({ ok }) => ok) ? 0 : 1
