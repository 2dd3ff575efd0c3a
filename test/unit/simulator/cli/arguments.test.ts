import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { jobOf } from '../../../../lib/simulator/cli/arguments.ts'
import { generate } from '../../../../lib/simulator/cli/generate.ts'
import { UsageError } from '../../../../lib/simulator/cli/usage-error.ts'

const directory = mkdtempSync(join(tmpdir(), 'llmux-simulate-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}
const recorded = file('a.csv', 'time_s,model,service_s\n0,a,1\n2,b,1\n')
const service = file('b.csv', 'time_s,service_s\n1,1\n')

test('files and made-up traffic become one stream; a model is that of the file before it', () => {
  const { arrivals } = jobOf([recorded, service, '--model', 'c', '--stretch', '2'])!
  expect(arrivals.map(({ time, model }) => [time, model])).toEqual([[0, 'a'], [0, 'c'], [4_000, 'b']])
  expect(jobOf([recorded, '--generate', 'poisson model=x rate=1', '--duration', '60'])!.arrivals.some(({ model }) => model === 'x')).toBe(true)
})

test('all policies unless some are named, by name or with options', () => {
  expect(Object.keys(jobOf([recorded])!.policies)).toEqual(['fifo', 'fifo + 5 s', 'cost-aware', 'time-slice', 'simple', 'even-handed'])
  expect(Object.values(jobOf([recorded, '--policy', 'simple', '--policy', '{"type":"fifo","minActive":7}'])!.policies)).toMatchObject([{ type: 'simple' }, { type: 'fifo', minActive: 7 }])
})

test('costs in seconds, as a number or a matrix', () => {
  expect(jobOf([recorded, '--cost', '2.5', '--start', '60', '--concurrency', '8', '--gpus', '4'])).toMatchObject({ costs: { switch: 2_500, start: 60_000 }, maxConcurrency: 8, gpus: 4, nodes: 1 })
  expect(jobOf([recorded, '--nodes', '3'])).toMatchObject({ nodes: 3, gpus: 1 })
  expect(jobOf([recorded, '--cost', file('costs.json', '{"a":{"b":3},"b":{"a":0.3}}')])).toMatchObject({ costs: { switch: { a: { b: 3_000 }, b: { a: 300 } } } })
})

test('the same seed has the same traffic, and two streams of one command differ', () => {
  const make = (seed: string) => jobOf(['--generate', 'poisson model=a rate=1', '--generate', 'poisson model=b rate=1', '--seed', seed])!.arrivals
  expect(make('1')).toEqual(make('1'))
  expect(make('1')).not.toEqual(make('2'))
  const times = (model: string) => make('1').filter(arrival => arrival.model === model).map(({ time }) => time)
  expect(times('a')[0]).not.toBe(times('b')[0])
})

test('help is asked for', () => {
  expect(jobOf(['--help'])).toBeUndefined()
})

test.for([
  'poisson model=a rate=1 service=20', 'bursts model=a size=3 period=60 offset=5', 'onoff model=a rate=1 on=60 off=60',
  'surge model=a rate=0.1 peak=2 begin=60 length=60', 'diurnal model=a low=0.1 high=1 day=600'
])('%s', spec => {
  expect(generate(spec, { duration: 600_000, seed: 1 }).length).toBeGreaterThan(10)
})

describe('what is wrong is named', () => {
  test.for<[string[], RegExp]>([
    [[], /no requests/],
    [['--colour'], /colour/],
    [['--model', 'a', recorded], /comes after its file/],
    [[join(directory, 'none.csv')], /none\.csv/],
    [[service], /b\.csv.*line 1: no column `model`/],
    [[recorded, '--cost', 'much'], /--cost.*much/],
    [[recorded, '--nodes', '2', '--gpus', '2'], /--nodes goes with neither --gpus nor --picture/],
    [[recorded, '--seed', ''], /--seed/],
    [[recorded, '--policy', '{'], /--policy/],
    [['--generate', 'flood model=a'], /no flood, but poisson/],
    [['--generate', 'poisson rate=1'], /needs model=/],
    [['--generate', 'poisson model=a'], /needs rate=/],
    [['--generate', 'poisson model=a rate=1 peak=2'], /no peak/]
  ])('%j', ([argv, message]) => {
    expect(() => jobOf(argv)).toThrow(expect.objectContaining({ message: expect.stringMatching(message) }))
    expect(() => jobOf(argv)).toThrow(UsageError)
  })

  test.for(['fastest', '{"type":"fifo","minActive":-1}'])('the policy %s', policy => {
    expect(() => jobOf([recorded, '--policy', policy])).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_OPTIONS' }))
  })
})
