import { describe, expect, test } from 'vitest'
import { DecisionLoop } from '../../../lib/switcher/decision-loop.ts'

describe('the decision loop', () => {
  test('takes its steps in their order, once, if none changes anything', () => {
    const taken: string[] = []
    const loop = new DecisionLoop([() => taken.push('a'), () => taken.push('b')])
    loop.changed()
    expect(taken).toEqual(['a', 'b'])
    loop.changed()
    expect(taken).toEqual(['a', 'b', 'a', 'b'])
  })

  test('begins from the first step again after one that changed something', () => {
    const taken: string[] = []
    const changes = [true, true, false]
    const loop: DecisionLoop = new DecisionLoop([
      () => taken.push('a'),
      () => {
        taken.push('b')
        if (changes.shift() === true) loop.changed()
      },
      () => taken.push('c')
    ])
    loop.changed()
    expect(taken).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'c'])
  })

  test('takes no step before all of what happens at once has happened', () => {
    const taken: string[] = []
    const loop = new DecisionLoop([() => taken.push('step')])
    loop.atOnce(() => {
      loop.changed()
      loop.atOnce(() => {
        loop.changed()
        taken.push('inner')
      })
      taken.push('outer')
    })
    expect(taken).toEqual(['inner', 'outer', 'step'])
  })

  test('goes on after a step that threw', () => {
    const taken: string[] = []
    let broken = true
    const loop = new DecisionLoop([() => {
      if (broken) throw new Error('broken')
      taken.push('step')
    }])
    expect(() => loop.changed()).toThrow('broken')
    broken = false
    loop.changed()
    expect(taken).toEqual(['step'])
  })

  test('fails instead of stopping the process when its steps undo each other forever', () => {
    let times = 0
    const loop: DecisionLoop = new DecisionLoop([() => {
      times++
      loop.changed()
    }])
    expect(() => loop.changed()).toThrow('without end')
    expect(times).toBe(DecisionLoop.limit)
  })

  test('goes on after something that threw while it happened', () => {
    const taken: string[] = []
    const loop = new DecisionLoop([() => taken.push('step')])
    expect(() => loop.atOnce(() => { throw new Error('broken') })).toThrow('broken')
    loop.changed()
    expect(taken).toEqual(['step'])
  })
})
