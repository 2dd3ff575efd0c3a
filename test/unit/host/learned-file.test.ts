import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { Warning } from '../../../lib/events.ts'
import { LearnedFile } from '../../../lib/host/learned-file.ts'
import { Recorder } from '../../../lib/host/record/record.ts'
import { Learned } from '../../../lib/switcher/learned/learned.ts'
import { createPolicy } from '../../../lib/switcher/policy/index.ts'
import { Rig } from '../../helpers/switcher-rig.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

let directory: string
let warnings: Warning[]
const events = new LlmuxEvents()
events.on('warning', warning => warnings.push(warning))

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'llmux-'))
  warnings = []
})
afterEach(() => rmSync(directory, { recursive: true }))

const fileAt = (path: string) => new LearnedFile({ path, clock: new FakeClock(), events })

test('what is written is read again, and nothing else is left behind', () => {
  const file = fileAt(join(directory, 'learned.json'))
  const learned = file.read()
  learned.switched({ from: ['a'], to: 'b', cold: false, cost: 5_000 })
  file.write(learned)
  expect(file.read().costs.wakes).toEqual({ a: { b: 5_000 } })
  expect(readdirSync(directory)).toEqual(['learned.json'])
  expect(warnings).toEqual([])
})

test.each(['', '{', '[]', '{"costs":{},"models":{}}', '{"costs":{"wakes":{"a":{"b":"5"}},"starts":{}},"models":{}}', '{"costs":{"wakes":{},"starts":{"a":-1}},"models":{}}'])('a broken file is a warning, and everything is learned anew: %s', content => {
  const path = join(directory, 'learned.json')
  writeFileSync(path, content)
  expect(fileAt(path).read().toJSON()).toEqual(new Learned().toJSON())
  expect(warnings.map(({ error }) => error)).toMatchObject([{ code: 'LLMUX_ERR_LEARNED_FILE' }])
})

test('a file that cannot be written is a warning', () => {
  fileAt(join(directory, 'not', 'there')).write(new Learned())
  expect(warnings.map(({ error }) => error)).toMatchObject([{ code: 'LLMUX_ERR_LEARNED_FILE' }])
})

test('requests that were served are recorded with their sizes, and a restart goes on where the last run ended', async () => {
  const arrivals = join(directory, 'arrivals.csv')
  const record = async () => {
    const rig = new Rig({ durations: { prepare: 0, sleep: 0, wake: 2_000 }, models: { 'a,"b"': {}, c: {} } })
    const recorder = new Recorder({ arrivals }, rig)
    const [first, left] = [rig.ask('a,"b"', { bytes: 7 }), rig.ask('c')]
    rig.clock.advance(2_000)
    left.leave()
    rig.clock.advance(500)
    const second = rig.ask('a,"b"', { bytes: 8 })
    first.lease!.output = 99
    second.lease!.release()
    first.lease!.release()
    await recorder.close()
  }
  await record()
  expect(readFileSync(arrivals, 'utf8')).toBe('time_s,model,service_s,input_bytes,output_bytes\n2.5,"a,""b""",0,8,0\n0,"a,""b""",0.5,7,99\n')
  writeFileSync(arrivals, '5.5,x,1,1,1\n', { flag: 'a' })
  await record()
  expect(readFileSync(arrivals, 'utf8').split('\n').slice(4)).toEqual(['8,"a,""b""",0,8,0', '5.5,"a,""b""",0.5,7,99', ''])
})

test('decisions are recorded so that the same question has the same answer', async () => {
  const decisions = join(directory, 'decisions.jsonl')
  const recorder = new Recorder({ decisions }, { events, clock: new FakeClock() })
  const rig = new Rig({ policy: recorder.policy(createPolicy('even-handed')), durations: { prepare: 0, sleep: 1_000, wake: 2_000 } })
  for (const name of ['a', 'b', 'a', 'c']) {
    const asked = rig.ask(name)
    rig.clock.advance(5_000)
    asked.lease?.release()
  }
  await recorder.close()
  const lines = readFileSync(decisions, 'utf8').trim().split('\n').map(line => JSON.parse(line))
  expect(lines.length).toBeGreaterThan(2)
  for (const { snapshot, decision } of lines) expect(JSON.parse(JSON.stringify(createPolicy('even-handed')(snapshot)))).toEqual(decision)
})

test('a file that cannot be written to is a warning, once, and disturbs nobody', async () => {
  const recorder = new Recorder({ decisions: join(directory, 'not', 'there') }, { events, clock: new FakeClock() })
  const policy = recorder.policy(createPolicy('fifo'))
  const snapshot = { now: 0, models: [], costs: { initial: 0, wakes: {}, starts: {} } }
  expect(policy(snapshot).wake).toBeUndefined()
  await recorder.close()
  policy(snapshot)
  expect(warnings.map(({ error }) => error)).toMatchObject([{ code: 'LLMUX_ERR_RECORD' }])
})
