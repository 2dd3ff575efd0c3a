import { describe, expect, it } from 'vitest'
import { parseLedger } from '../../../../lib/orchestrator/orphans/ledger-content.ts'

const whole = () => ({
  version: 1,
  realm: { bootId: 'b', namespace: 'pid:[1]' },
  owner: { pid: 1, startTime: 5 },
  directory: '/tmp/llmux-abcdef',
  groups: [{ id: 42, members: [{ pid: 42, startTime: 6 }, { pid: 43, startTime: 7 }] }]
})

describe('what a gateway has written down', () => {
  it('is read as it was written', () => {
    expect(parseLedger(JSON.stringify(whole()))).toEqual(whole())
    const { directory, ...without } = whole()
    expect(parseLedger(JSON.stringify(without))).toEqual(without)
  })

  it.each<[string, (content: any) => unknown]>([
    ['another version', content => { content.version = 2 }],
    ['no realm', content => { delete content.realm }],
    ['an empty boot id', content => { content.realm.bootId = '' }],
    ['no owner', content => { delete content.owner }],
    ['an owner without a start time', content => { delete content.owner.startTime }],
    ['a directory that is no text', content => { content.directory = 5 }],
    ['no groups', content => { delete content.groups }],
    ['a group that is everybody', content => { content.groups[0].id = 1 }],
    ['a group that is ours', content => { content.groups[0].id = 0 }],
    ['a group with a sign', content => { content.groups[0].id = -42 }],
    ['a group that is a text', content => { content.groups[0].id = '42' }],
    ['a group without members', content => { delete content.groups[0].members }],
    ['a member without a number', content => { content.groups[0].members[1] = {} }],
    ['a member with a broken start time', content => { content.groups[0].members[1].startTime = 1.5 }]
  ])('is refused with %s', (_, change) => {
    const content = whole()
    change(content)
    expect(() => parseLedger(JSON.stringify(content))).toThrow()
  })

  it.each(['', '{', 'null', '[]', '5', '{"version":1}'])('is refused if it is something else: %j', text => {
    expect(() => parseLedger(text)).toThrow()
  })
})
