import { readFileSync } from 'node:fs'
import t from 'tap'
import type { ValidationReport } from '../../lib/validate/index.ts'
import { cli, file } from '../helpers/cli.ts'
import { makeGpu, mockCommand } from '../helpers/mock-engine.ts'

// Faults of a mock engine, and what is to be found. Times are short: each is waited for.
const impatient = { start: 3_000, sleep: 500, wake: 500, reload: 500, health: 300, wedged: 700, memory: 5_000, stop: 300 }
const table: Array<{ fault?: string, args?: string[], level?: number, why: RegExp }> = [
  { fault: 'start=exit@3', why: /does not start: .*exit code 3/ },
  { fault: 'start=hang', why: /does not start: .*not healthy within 3000 ms/ },
  { fault: 'start=die@50', why: /does not start/ },
  { fault: 'sleep=500', why: /does not go to sleep \(cycle 1\): .*answered 500/ },
  { fault: 'sleep=hang', why: /does not go to sleep \(cycle 1\): .*within 500 ms/ },
  { fault: 'sleep=crash@1', why: /does not go to sleep \(cycle 1\)/ },
  { fault: 'sleep=keeps-memory', why: /frees only 0 % .* 80 % are wanted/ },
  { fault: 'wake=500', why: /does not wake \(cycle 1\): .*answered 500/ },
  { fault: 'wake=500*1', why: /does not wake \(cycle 1\): .*answered 500/ },
  { fault: 'wake=oom', why: /does not wake \(cycle 1\): .*out of memory/ },
  { fault: 'wake=hang', why: /does not wake \(cycle 1\): .*within 500 ms/ },
  { fault: 'wake=crash@1', why: /does not wake \(cycle 1\)/ },
  { fault: 'reload=500', level: 2, why: /does not wake \(cycle 1\): .*answered 500/ },
  { fault: 'reload=hang', level: 2, why: /does not wake \(cycle 1\): .*reload its weights within 500 ms/ },
  { fault: 'reload=crash@1', level: 2, why: /does not wake \(cycle 1\)/ },
  { fault: 'reload=garbage', level: 2, why: /it answers garbage after waking \(cycle 1\).*The weights are not what they were/ },
  { fault: 'output=garbage', why: /garbage from the start/ },
  { fault: 'memory=grows@200', why: /leaks GPU memory: 200 MiB more asleep in cycle 2/ },
  { args: ['--mock-residue', '6000'], why: /frees only 69 %/ },
  { fault: 'request=500', why: /does not answer after its start/ },
  { fault: 'request=die', why: /does not answer after its start/ },
  { fault: 'request=hang', why: /does not answer after its start: .*700 ms/ }
]

t.test('validate finds every fault of an engine, and nothing where there is none', { timeout: 240_000 }, async t => {
  const gpu = makeGpu()
  t.teardown(() => gpu.remove())
  const model = (args: string[], timeouts: object) => ({ args: ['--gpu-memory-utilization', '0.8', '--mock-start-ms', '300', ...args], env: gpu.env, timeouts })
  // Nothing of it is waited for: a machine with much to do is no fault.
  const patient = { start: 60_000, sleep: 30_000 }
  const config = file('faults.json', {
    command: mockCommand,
    gpuMemoryCommand: gpu.command,
    models: Object.fromEntries([['clean', model([], patient)], ...table.map(({ fault, args = [] }, index) => [`m${index}`, model([...args, ...fault === undefined ? [] : ['--mock-fault', fault]], impatient)])])
  })
  const run = async (models: string[], more: string[]): Promise<{ report: ValidationReport, stdout: string, code: number }> => {
    const json = file(`report-${models[0]}.json`, '')
    const result = await cli(['validate', '--config', config, '--json', json, ...models.flatMap(name => ['--model', name]), ...more])
    return { report: JSON.parse(readFileSync(json, 'utf8')), ...result }
  }
  for (const level of [1, 2]) {
    const wanted = table.flatMap((row, index) => (row.level ?? 1) === level ? [{ ...row, name: `m${index}` }] : [])
    const { report, stdout, code } = await run(wanted.map(({ name }) => name), ['--level', String(level), '--cycles', '2'])
    t.equal(code, 1)
    for (const { name, fault, args, why } of wanted) {
      const found = report.models.find(({ model }) => model === name)?.levels[0]
      t.match(found, { verdict: 'broken', why }, fault ?? args?.join(' ') ?? '')
      t.ok(stdout.includes(found!.why), 'the sentence is under the table')
    }
  }

  const { report, stdout, code } = await run(['clean'], ['--write', '--cycles', '2'])
  t.equal(code, 0)
  t.match(report, { verdict: 'safe', models: [{ model: 'clean', best: 1, levels: [1, 2, 3].map(level => ({ level, verdict: 'safe', notChecked: [], freeze: { verdict: level === 3 ? 'not tried' : 'equal' } })) }] })
  t.match(stdout, /clean: choose level 1[^]*clean now sleeps at level 1/)
  t.match(JSON.parse(readFileSync(config, 'utf8')).models.clean, { sleepLevel: 1, timeouts: patient })
  const [first, second] = report.models[0]!.levels
  t.ok(first!.host!.asleep.every(bytes => bytes > 0), 'host memory has been read')
  t.ok(second!.cycles.every(({ phases }) => phases['reload']! > 0), 'the phases of a wake are told apart')
  t.match(await gpu.memory(), { used: 0 }, 'nothing is left on the GPU')
})

t.test('without a way to look at GPU memory that is said, and not passed over', async t => {
  const config = file('blind.yaml', `# mine\ncommand: ${JSON.stringify(mockCommand)}\ngpuMemoryCommand: false\nmodels:\n  a: { args: [--mock-start-ms, "300"] } # the only one\n`)
  const { stdout, code } = await cli(['validate', '--config', config, '--level', '1', '--cycles', '1', '--write'])
  t.equal(code, 0)
  t.match(stdout, /level 1 is safe: .*\n {4}not checked: GPU memory: there is no/)
  const written = readFileSync(config, 'utf8')
  for (const kept of ['# mine', '# the only one', 'sleepLevel: 1']) t.ok(written.includes(kept), kept)
})
