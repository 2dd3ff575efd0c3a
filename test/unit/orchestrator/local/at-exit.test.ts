import { describe, expect, it } from 'vitest'
import { atExit, trackGroup } from '../../../../lib/orchestrator/local/at-exit.ts'

const listeners = () => process.listeners('exit')

/** Runs what would run at the end of this process: our one listener. */
function exit (before: unknown[]): void {
  const ours = listeners().filter(listener => !before.includes(listener))
  expect(ours).toHaveLength(1)
  ours[0]!(0)
}

describe('at the end of this process', () => {
  it('all tasks are done by one listener, which goes with the last of them', () => {
    const before = listeners()
    const done: string[] = []
    const undo = ['one', 'two', 'three'].map(name => atExit(() => done.push(name)))
    exit(before)
    expect(done).toEqual(['one', 'two', 'three'])
    undo[1]!()
    exit(before)
    expect(done).toEqual(['one', 'two', 'three', 'one', 'three'])
    undo[0]!()
    undo[2]!()
    expect(listeners()).toEqual(before)
  })

  it('one task that fails does not keep the others from being done', () => {
    const before = listeners()
    const done: string[] = []
    const undo = [atExit(() => { throw new Error('gone already') }), atExit(() => done.push('two'))]
    exit(before)
    expect(done).toEqual(['two'])
    undo.forEach(undo => undo())
  })

  it('a group that is still there is killed', () => {
    const before = listeners()
    const killed: unknown[] = []
    const untrack = trackGroup(42, (...args) => killed.push(args))
    exit(before)
    expect(killed).toEqual([[-42, 'SIGKILL']])
    untrack()
    expect(listeners()).toEqual(before)
  })
})
