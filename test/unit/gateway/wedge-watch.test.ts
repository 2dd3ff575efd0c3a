import { expect, test } from 'vitest'
import { WedgeWatch } from '../../../lib/gateway/wedge-watch.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

function rig () {
  const clock = new FakeClock()
  const probes: Array<(answered: boolean) => void> = []
  let wedged = 0
  const watch = new WedgeWatch({
    clock,
    limit: 60_000,
    responds: () => new Promise(resolve => probes.push(resolve)),
    onWedged: () => { wedged++ }
  })
  return {
    clock,
    watch,
    probes,
    wedged: () => wedged,
    async answer (answered: boolean) {
      probes.at(-1)!(answered)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

test('an engine is probed only while requests wait on it', () => {
  const { clock, watch, probes } = rig()
  clock.advance(60_000)
  watch.add()
  clock.advance(9_000)
  watch.remove()
  clock.advance(600_000)
  expect(probes).toEqual([])
  expect(clock.pending).toBe(0)
})

test('it is wedged when it has not answered for the whole limit', async () => {
  const { clock, watch, answer, wedged } = rig()
  watch.add()
  for (let i = 1; i <= 5; i++) {
    clock.advance(10_000)
    await answer(false)
    expect(wedged()).toBe(0)
  }
  clock.advance(10_000)
  await answer(false)
  expect(wedged()).toBe(1)
})

test('one answer starts the count again', async () => {
  const { clock, watch, answer, wedged } = rig()
  watch.add()
  for (const answered of [false, false, false, false, false, true, false, false, false, false, false]) {
    clock.advance(10_000)
    await answer(answered)
  }
  expect(wedged()).toBe(0)
  clock.advance(10_000)
  await answer(false)
  expect(wedged()).toBe(1)
})

test('a few slow probes are not several: one long step of an engine blocks a probe', async () => {
  const { clock, watch, answer, wedged } = rig()
  watch.add()
  for (let i = 0; i < 2; i++) {
    clock.advance(50_000)
    await answer(false)
  }
  expect(wedged()).toBe(0)
})

test('a miss that comes in after the last request is done counts for nothing', async () => {
  const { clock, watch, answer, wedged } = rig()
  watch.add()
  for (let i = 1; i <= 5; i++) {
    clock.advance(10_000)
    await answer(false)
  }
  clock.advance(10_000)
  watch.remove()
  await answer(false)
  expect(wedged()).toBe(0)
  expect(clock.pending).toBe(0)
})

test('requests that come and go do not hide an engine that answers none of them', async () => {
  const { clock, watch, answer, wedged } = rig()
  watch.add()
  for (let i = 1; i <= 6; i++) {
    watch.add()
    watch.remove()
    clock.advance(10_000)
    await answer(false)
  }
  expect(wedged()).toBe(1)
})
