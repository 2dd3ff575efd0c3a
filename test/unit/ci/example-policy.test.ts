import ts from 'typescript'
import { beforeEach, expect, test } from 'vitest'
import type { Policy } from '../../../lib/options/index.ts'
import { examplePolicy } from '../../helpers/readme.ts'
import { Rig } from '../../helpers/switcher-rig.ts'

// The policy of one's own in docs/policies.md, as it stands there, in the switcher.

const { outputText } = ts.transpileModule(examplePolicy(), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 } })
const { default: takeTurns } = await import(/* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`) as { default: Policy }

const minute = 60_000
let rig: Rig

beforeEach(() => {
  rig = new Rig({ policy: takeTurns, models: { a: {}, b: {}, c: {} } })
  rig.awaken('a')
})

test('a model has its minute, and leaves when it is over, whether or not it is idle', () => {
  const busy = rig.ask('a')
  const other = rig.ask('b')
  rig.clock.advance(minute - 1)
  expect(rig.phases.filter(phase => phase.startsWith('b'))).toEqual([])
  rig.clock.advance(1)
  busy.lease!.release()
  rig.engines.completeAll()
  expect(other.answers).toEqual(['granted'])
  expect(rig.awake).toEqual(['b'])
})

test('it stays longer if nobody waits for another, which then is served at once', () => {
  rig.clock.advance(10 * minute)
  expect(rig.awake).toEqual(['a'])
  const other = rig.ask('b')
  rig.engines.completeAll()
  expect(other.answers).toEqual(['granted'])
})

test('the longest wait is next', () => {
  const first = rig.ask('c')
  rig.clock.advance(1)
  const second = rig.ask('b')
  rig.clock.advance(minute)
  rig.engines.completeAll()
  expect([first.answers, second.answers]).toEqual([['granted'], []])
  first.lease!.release()
  rig.clock.advance(minute)
  rig.engines.completeAll()
  expect(second.answers).toEqual(['granted'])
  expect(rig.warnings).toEqual([])
})
