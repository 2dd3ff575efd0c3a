import { describe, expect, test } from 'vitest'
import { bestLevel, worst, freedShare, judge, median, targetUse } from '../../../lib/validate/judge.ts'
import { reportText } from '../../../lib/validate/report-text.ts'
import type { Cycle, LevelReport, Trial } from '../../../lib/validate/types.ts'

const gibibyte = 1024 ** 3
const answer = 'spring, summer, autumn and winter'
const cycle = (more: Partial<Cycle> = {}): Cycle => ({ answer, phases: { sleep: 1_000, wake: 2_000 }, ...more })

/** One that is safe at level 1, and what is to be different. */
function trial (more: Partial<Trial> = {}): Trial {
  return {
    level: 1,
    phases: { start: 40_000 },
    answer,
    cycles: [cycle(), cycle(), cycle()],
    gpu: gpu(),
    host: { awake: 0, asleep: [] },
    warnings: [],
    ...more
  }
}

/** GiB of a GPU: 2 of others, 20 of the model, 1 left in each sleep. */
function gpu ({ asleep = [3, 3, 3], woken = [22, 22, 22], after = 2, awake = 22 } = {}) {
  const bytes = (values: number[]) => values.map(value => value * gibibyte)
  return { before: 2 * gibibyte, awake: awake * gibibyte, asleep: bytes(asleep), woken: bytes(woken), after: after * gibibyte }
}

test('safe', () => {
  expect(judge(trial(), 0.8)).toEqual({ verdict: 'safe', why: 'it wakes with the same answer, 3 of 3 times, and frees 95 % of its GPU memory', notChecked: [] })
})

describe('broken, and why', () => {
  const cases: Array<[string, Partial<Trial>, RegExp]> = [
    ['start', { failure: { phase: 'start', cycle: 0, message: 'exit code 1', lastLines: ['long'] } }, /^it does not start: exit code 1$/],
    ['sleep', { failure: { phase: 'sleep', cycle: 2, message: 'no' } }, /^it does not go to sleep \(cycle 2\): no$/],
    ['wake', { failure: { phase: 'wake', cycle: 1, message: 'oom' } }, /^it does not wake \(cycle 1\): oom$/],
    ['first answer', { failure: { phase: 'answer', cycle: 0, message: 'died' } }, /^it does not answer after its start: died$/],
    ['later answer', { failure: { phase: 'answer', cycle: 3, message: 'died' } }, /^it does not answer after waking \(cycle 3\): died$/],
    ['stop', { failure: { phase: 'stop', cycle: 3, message: 'D' } }, /^it cannot be stopped: D$/],
    ['garbage', { level: 2, cycles: [cycle(), cycle({ answer: '!!!!' })] }, /^it answers garbage after waking \(cycle 2\): "!!!!" instead of "spring.*weights are not what they were$/],
    ['another answer', { cycles: [cycle({ answer: 'Monday and Tuesday' })] }, /^it does not answer the same after waking \(cycle 1\)/],
    ['garbage from the start', { answer: '!! !!', cycles: [cycle({ answer: '!! !!' })] }, /^its answers are garbage from the start/],
    ['no answer at all', { answer: '', cycles: [cycle({ answer: '' })] }, /^its answers are garbage from the start/],
    ['keeps its memory', { gpu: gpu({ asleep: [3, 22, 3] }) }, /^it frees only 0 % of the 20\.0 GiB that it took, and keeps 20\.0 GiB while asleep: at least 80 % are wanted/],
    ['too large a residue', { gpu: gpu({ asleep: [6.1, 6.1, 6.1] }) }, /^it frees only 79 %/],
    ['level 3 that leaves something', { level: 3, gpu: gpu({ asleep: [2.2, 2.2, 2.2] }) }, /^it frees only 99 %.*all of it must be free/],
    ['a leak asleep', { gpu: gpu({ asleep: [3, 3.1, 3.2] }) }, /^it leaks GPU memory: 205 MiB more asleep in cycle 3 than in cycle 1$/],
    ['a leak awake', { gpu: gpu({ woken: [22, 22, 22.5] }) }, /^it leaks GPU memory: 512 MiB more awake/],
    ['something left at its end', { gpu: gpu({ after: 2.5 }) }, /^512 MiB of GPU memory are still in use after its end$/]
  ]
  test.for(cases)('%s', ([, more, why]) => {
    const judgement = judge(trial(more), 0.8)
    expect(judgement.why).toMatch(why)
    expect(judgement.verdict).toBe('broken')
  })
})

test('the share is a limit that is asked for, and what others do on the GPU is no leak', () => {
  expect(judge(trial({ gpu: gpu({ asleep: [5.9, 5.9, 5.9] }) }), 0.8).verdict).toBe('safe')
  expect(judge(trial({ gpu: gpu({ asleep: [5.9, 5.9, 5.9] }) }), 0.9).verdict).toBe('broken')
  expect(judge(trial({ gpu: gpu({ asleep: [3, 3.05, 3.05], after: 2.05 }) }), 0.8).verdict).toBe('safe')
  expect(judge(trial({ level: 3, gpu: gpu({ asleep: [2.05, 2, 2] }) }), 0.8).verdict).toBe('safe')
})

test('slow is what takes as long as a start, but level 3 is a start', () => {
  expect(judge(trial({ phases: { start: 3_000 } }), 0.8)).toMatchObject({ verdict: 'slow', why: expect.stringContaining('takes 3.0 s, and a start 3.0 s') })
  expect(judge(trial({ phases: { start: 3_001 } }), 0.8).verdict).toBe('safe')
  expect(judge(trial({ level: 3, phases: { start: 2_000 }, gpu: gpu({ asleep: [2, 2, 2] }) }), 0.8).verdict).toBe('safe')
})

test('what could not be looked at is not passed over', () => {
  const { gpu: _, host, ...blind } = trial()
  expect(judge({ ...blind, gpuUnknown: 'there is no nvidia-smi' }, 0.8)).toMatchObject({ verdict: 'safe', notChecked: ['GPU memory: there is no nvidia-smi', 'host memory: /proc does not tell'] })
  expect(judge(trial({ gpu: gpu({ awake: 2.01, asleep: [2.01, 2.01, 2.01] }) }), 0.8).notChecked).toEqual(['GPU memory: the model took none that could be seen'])
  expect(judge(trial({ cycles: [cycle()] }), 0.8).notChecked).toEqual(['leaks: that takes at least 2 cycles'])
})

test('figures', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(freedShare(gpu({ asleep: [3, 7] }))).toBe(0.75)
  expect(targetUse(gpu(), 1, 0.8)).toBe(6 * gibibyte)
})

function report (level: 1 | 2 | 3, verdict: LevelReport['verdict'], sleep: number): LevelReport {
  return { ...trial({ level, cycles: [cycle({ phases: { sleep, wake: 1 } })] }), verdict, why: `because of ${level}`, notChecked: level === 2 ? ['leaks'] : [] }
}

test('the best level is the fastest safe one', () => {
  expect(bestLevel([report(1, 'safe', 30), report(2, 'safe', 5), report(3, 'safe', 100)])).toBe(2)
  expect(bestLevel([report(1, 'safe', 5), report(2, 'safe', 5)])).toBe(1)
  expect(bestLevel([report(1, 'slow', 1), report(2, 'broken', 1), report(3, 'safe', 100)])).toBe(3)
  expect(bestLevel([report(1, 'slow', 1), report(2, 'broken', 1)])).toBe(undefined)
  expect(worst(['safe', 'slow', 'safe'])).toBe('slow')
  expect(worst(['broken', 'slow'])).toBe('broken')
  expect(worst([])).toBe('safe')
})

test('the table lines up, and each verdict has its sentence', () => {
  const failed: LevelReport = { level: 3, phases: {}, cycles: [], warnings: [], verdict: 'broken', why: 'it does not start: no', notChecked: [] }
  const levels = [report(1, 'safe', 5), report(2, 'slow', 5), failed]
  const lines = reportText({ time: '', cycles: 1, share: 0.8, verdict: 'broken', models: [{ model: 'qwen', levels, best: 1 }, { model: 'b', levels: [failed], best: undefined }] }).split('\n')
  const column = lines[0]!.indexOf('verdict')
  expect(lines.slice(1, 4).map(line => line.slice(column).split(' ')[0])).toEqual(['safe', 'slow', 'broken'])
  expect(lines.slice(lines.indexOf('') + 1)).toEqual([
    'qwen: choose level 1: the quickest that is safe',
    '  level 1 is safe: because of 1',
    '  level 2 is slow: because of 2\n    not checked: leaks',
    '  level 3 is broken: it does not start: no',
    'b: no level that was looked at is safe',
    '  level 3 is broken: it does not start: no'
  ].flatMap(line => line.split('\n')))
})
