import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { expect, test } from 'vitest'
import { picture } from '../../../lib/simulator/picture.ts'
import { simulate } from '../../../lib/simulator/simulate.ts'

const arrivals = [['a & "b" <c>', 0], ['other', 1], ['other', 2], ['a & "b" <c>', 30]].map(([model, time]) => ({ model: model as string, time: (time as number) * 1000, service: 4_000 }))
const { timeline } = simulate({ arrivals, policy: 'fifo', costs: { switch: 10_000 }, timeline: true })

interface Node { '@_fill'?: string, '@_x'?: string, '@_width'?: string, '@_points'?: string, '#text'?: string }
const parse = (svg: string): { text: Node[], rect: Node[], polygon: Node[] } => new XMLParser({ ignoreAttributes: false }).parse(svg).svg

test('what is kept for it: states and queues, from the beginning on', () => {
  expect(timeline!.lanes['other']).toEqual({
    moments: [{ time: 4_000, state: 'switching' }, { time: 14_000, state: 'awake' }, { time: 30_000, state: 'draining' }, { time: 30_000, state: 'asleep' }],
    lengths: [{ time: 1_000, waiting: 1 }, { time: 2_000, waiting: 2 }, { time: 14_000, waiting: 0 }]
  })
})

test('is well-formed, whatever the names of models, and has a lane for each', () => {
  const svg = picture(timeline!, { title: '</svg>' })
  expect(XMLValidator.validate(svg)).toBe(true)
  const { text, polygon } = parse(svg)
  expect(polygon).toHaveLength(2)
  expect(text.map(node => node['#text'])).toEqual(expect.arrayContaining(['other']))
  expect(svg).toContain('a &#38; &#34;b&#34; &#60;c&#62;')
})

test('bands are as long as what they stand for', () => {
  const { rect } = parse(picture(timeline!))
  const widths = (colour: string) => rect.filter(node => node['@_fill'] === colour).map(node => Number(node['@_width'])).filter(width => width !== 12)
  const [first, second] = widths('#e79a6b')
  // Two switches of 10 s in 40 s, over 786 pixels; the second is the one back.
  expect(first).toBeCloseTo(786 / 4, 0)
  expect(second).toBeCloseTo(786 / 4, 0)
})

test('a part of it shows that part only', () => {
  const { rect } = parse(picture(timeline!, { begin: 15_000, end: 25_000 }))
  const bands = rect.filter(node => node['@_fill'] === '#8ccf9a' && node['@_width'] !== '12')
  expect(bands.map(node => [node['@_x'], node['@_width']])).toEqual([['150', '786']])
})
