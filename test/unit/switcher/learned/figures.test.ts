import { describe, expect, test } from 'vitest'
import { ArrivalRate, TimeAverage } from '../../../../lib/switcher/learned/averages.ts'
import { Learned } from '../../../../lib/switcher/learned/learned.ts'
import { MovingAverage } from '../../../../lib/switcher/learned/moving-average.ts'

describe('a moving average', () => {
  const options = { initial: 10, weight: 0.25, outlier: 3 }

  test('is its first value until something is measured, and then what was measured', () => {
    const average = new MovingAverage(options)
    expect([average.value, average.learned]).toEqual([10, undefined])
    average.add(40)
    expect([average.value, average.learned]).toEqual([40, 40])
  })

  test('counts the first values alike, and later ones by their weight', () => {
    const average = new MovingAverage(options)
    for (const value of [4, 8, 6]) average.add(value)
    expect(average.value).toBeCloseTo(6)
    average.add(10)
    expect(average.value).toBeCloseTo(7)
    average.add(11)
    expect(average.value).toBeCloseTo(8)
  })

  test('follows a change, but does not fall for an outlier', () => {
    const average = new MovingAverage(options, 10)
    average.add(1_000_000)
    expect(average.value).toBe(15)
    for (let i = 0; i < 50; i++) average.add(100)
    expect(average.value).toBeCloseTo(100, 3)
    for (let i = 0; i < 50; i++) average.add(1)
    expect(average.value).toBeCloseTo(1, 3)
  })

  test('that begins at nothing can still grow', () => {
    const average = new MovingAverage(options)
    average.add(0)
    for (let i = 0; i < 50; i++) average.add(100)
    expect(average.value).toBeCloseTo(100, 3)
  })

  test('of an earlier run is not thrown over by one value', () => {
    const average = new MovingAverage(options, 10)
    average.add(20)
    expect(average.value).toBe(12.5)
  })
})

describe('an arrival rate', () => {
  test('is zero before the first arrival', () => {
    expect(new ArrivalRate().at(5)).toBe(0)
  })

  test('becomes that of steady arrivals', () => {
    const rate = new ArrivalRate()
    for (let time = 0; time <= 600_000; time += 100) rate.add(time)
    expect(rate.at(600_050)).toBeCloseTo(1 / 100, 4)
  })

  test('fades with a minute, and believes a silence at once', () => {
    const rate = new ArrivalRate()
    for (let i = 0; i < 600; i++) rate.add(0)
    expect(rate.at(60)).toBeCloseTo(600 / 60_000 * Math.exp(-0.001))
    expect(rate.at(1_000)).toBe(1 / 1_000)
    expect(rate.at(600_000)).toBeCloseTo(600 / 60_000 * Math.exp(-10), 12)
  })
})

describe('an average over time', () => {
  test('weighs values by how long they lasted', () => {
    const average = new TimeAverage()
    average.set(0, 0)
    average.set(10, 1_000)
    expect(average.at(1_000)).toBe(0)
    expect(average.at(301_000)).toBeCloseTo(10 * (1 - Math.exp(-1)))
    average.set(4, 301_000)
    expect(average.at(301_000)).toBeCloseTo(10 * (1 - Math.exp(-1)))
    expect(average.at(10_000_000)).toBeCloseTo(4)
  })

  test('does not mind what lasted no time', () => {
    const [average, calm] = [new TimeAverage(), new TimeAverage()]
    calm.set(1, 0)
    average.set(1, 0)
    average.set(1_000, 500)
    average.set(1, 500)
    expect(average.at(1_000)).toBeCloseTo(calm.at(1_000), 12)
  })
})

describe('switch costs', () => {
  test('are kept for each pair and each direction', () => {
    const learned = new Learned()
    learned.switched({ from: ['a'], to: 'b', cold: false, cost: 38_500 })
    learned.switched({ from: ['b'], to: 'a', cold: false, cost: 3_600 })
    expect(learned.costs).toEqual({ initial: 10_000, wakes: { a: { b: 38_500 }, b: { a: 3_600 } }, starts: {} })
  })

  test('of a start are not those of a wake', () => {
    const learned = new Learned()
    learned.switched({ from: ['a'], to: 'b', cold: true, cost: 90_000 })
    learned.switched({ from: [], to: 'c', cold: true, cost: 70_000 })
    learned.switched({ from: ['a'], to: 'b', cold: false, cost: 2_000 })
    expect(learned.costs).toMatchObject({ wakes: { a: { b: 2_000 } }, starts: { b: 90_000, c: 70_000 } })
  })

  test('of several that go count for each of them; with nobody to go there is no pair', () => {
    const learned = new Learned()
    learned.switched({ from: ['a', 'b'], to: 'c', cold: false, cost: 5_000 })
    learned.switched({ from: [], to: 'd', cold: false, cost: 1_000 })
    expect(learned.costs.wakes).toEqual({ a: { c: 5_000 }, b: { c: 5_000 } })
  })

  test('do not fall for one that hung', () => {
    const learned = new Learned({ costs: { wakes: { a: { b: 3_000 } }, starts: { b: 60_000 } } })
    learned.switched({ from: ['a'], to: 'b', cold: false, cost: 240_000 })
    learned.switched({ from: ['a'], to: 'b', cold: true, cost: 300_000 })
    expect(learned.costs.wakes['a']!['b']).toBeCloseTo(4_800)
    expect(learned.costs.starts['b']).toBeCloseTo(96_000)
  })

  test('any name is one', () => {
    const learned = new Learned()
    expect(learned.costs.starts['constructor']).toBeUndefined()
    learned.switched({ from: ['constructor'], to: 'toString', cold: false, cost: 5 })
    expect(learned.costs.wakes['constructor']!['toString']).toBe(5)
  })
})

test('what was learned is what the next run begins with', () => {
  const learned = new Learned()
  learned.switched({ from: ['a'], to: 'b', cold: false, cost: 5_000 })
  learned.switched({ from: [], to: 'a', cold: true, cost: 50_000 })
  learned.model('a').serviceTime.add(700)
  learned.model('b').drainTime.add(900)
  learned.model('b').thawTime.add(45)
  const next = new Learned(JSON.parse(JSON.stringify(learned)))
  expect(next.costs).toEqual(learned.costs)
  expect([next.model('a').serviceTime.value, next.model('a').drainTime.learned]).toEqual([700, undefined])
  expect([next.model('b').serviceTime.learned, next.model('b').drainTime.value]).toEqual([undefined, 900])
  expect([next.model('a').thawTime.learned, next.model('b').thawTime.value]).toEqual([undefined, 45])
  expect(JSON.stringify(next)).toBe(JSON.stringify(learned))
})
