import { expect, test } from 'vitest'
import { LineFeed } from '../../../lib/host/line-feed.ts'

test('each line goes to all who follow that engine, and to nobody else', () => {
  const feed = new LineFeed()
  const seen: string[] = []
  const listen = (name: string) => (line: string) => { seen.push(`${name} ${line}`) }
  feed.push('a', 'before anybody listens')
  const stop = feed.follow('a', listen('one'))
  feed.follow('a', listen('two'))
  feed.follow('b', listen('other'))
  feed.push('a', '1')
  stop()
  stop()
  feed.push('a', '2')
  feed.push('b', '3')
  expect(seen).toEqual(['one 1', 'two 1', 'two 2', 'other 3'])
})

test('stopping twice does not remove a follower that came in between', () => {
  const feed = new LineFeed()
  const seen: string[] = []
  const stop = feed.follow('a', () => {})
  stop()
  feed.follow('a', line => seen.push(line))
  stop()
  feed.push('a', '1')
  expect(seen).toEqual(['1'])
})
