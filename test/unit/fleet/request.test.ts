import { describe, expect, test } from 'vitest'
import { RetryBudget } from '../../../lib/fleet/request/budget.ts'
import { conversationOf } from '../../../lib/fleet/request/conversation.ts'
import { resolveFleetOptions } from '../../../lib/fleet/options.ts'
import { originsOf } from '../../../lib/fleet/nodes/nodes.ts'

describe('the budget of retries', () => {
  test('ten at once, then a share of all requests', () => {
    const budget = new RetryBudget(0.2)
    expect(Array.from({ length: 12 }, () => budget.spend())).toEqual([...Array(10).fill(true), false, false])
    for (let index = 0; index < 5; index++) budget.earn()
    expect([budget.spend(), budget.spend()]).toEqual([true, false])
  })
})

describe('a conversation', () => {
  const of = (messages: object[], headers = {}) => conversationOf({ headers }, Buffer.from(JSON.stringify({ model: 'm', messages })), 'x-llmux-conversation')
  const first = [{ role: 'system', content: 's' }, { role: 'user', content: 'u' }]

  test('stays the same as it goes on', () => {
    expect(of([...first, { role: 'assistant', content: 'a' }, { role: 'user', content: 'more' }])).toBe(of(first))
  })

  test('is another one with another beginning', () => {
    expect(of([{ role: 'system', content: 's' }, { role: 'user', content: 'v' }])).not.toBe(of(first))
  })

  test('is what the header says, if there is one', () => {
    expect(of(first, { 'x-llmux-conversation': '7' })).toBe('7')
  })

  test('is not known of what is no conversation', () => {
    expect(of([])).toBeUndefined()
    expect(conversationOf({ headers: {} }, Buffer.from('{'), 'x')).toBeUndefined()
  })
})

describe('where the nodes are', () => {
  test('all addresses of a name', async () => {
    const { nodes } = resolveFleetOptions({ nodes: { dns: 'localhost', port: 81, protocol: 'https' }, adminKey: 'k' })
    expect(await originsOf(nodes)).toContain('https://127.0.0.1:81')
  })

  test('what a function says, which must be origins', async () => {
    expect(await originsOf(async () => ['http://a:1/'])).toEqual(['http://a:1'])
    await expect(originsOf(() => ['a'])).rejects.toThrow('a is no origin')
  })
})
