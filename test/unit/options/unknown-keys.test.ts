import { expect, test } from 'vitest'
import { optionsSchema } from '../../../lib/options/index.ts'
import { refusal, withModel, withTop } from './helper.ts'

/** A slip of the pen: the last letter but one is missing. */
const misspelt = (word: string): string => word.slice(0, -2) + word.slice(-1)

const top = Object.keys(optionsSchema.properties)
const model = ['engine', 'readyPath', 'url', 'apiKey', 'path', 'aliases', 'adapters', 'maxAdapters', 'args', 'env', 'command', 'stopCommand', 'container', 'timeouts', 'preload', 'idleTimeout', 'idleStopTimeout', 'keepAwake', 'maxConcurrency', 'maxQueue', 'warmup', 'port', 'sleepLevel', 'level2Safe', 'sleepMode', 'freeze', 'gpus', 'gpuShare', 'resident']
const timeouts = ['start', 'sleep', 'wake', 'reload', 'resetPrefixCache', 'health', 'drain', 'queue', 'passive', 'wedged', 'stalled', 'memory', 'stop']

test.each(top)('%s misspelt at the top is refused with the right word', option => {
  expect(refusal(() => withTop({ [misspelt(option)]: 1 }))).toBe(`${misspelt(option)} is unknown: did you mean ${option}?`)
})

test.each(model)('%s misspelt in a model is refused with the right word', option => {
  expect(refusal(() => withModel({ [misspelt(option)]: 1 }))).toBe(`models["a"].${misspelt(option)} is unknown: did you mean ${option}?`)
})

test.each([...timeouts, 'body', 'grace'])('timeouts.%s misspelt is refused with the right word', option => {
  expect(refusal(() => withTop({ timeouts: { [misspelt(option)]: 1 } }))).toBe(`timeouts.${misspelt(option)} is unknown: did you mean ${option}?`)
})

test.each(timeouts)('timeouts.%s misspelt in a model is refused with the right word', option => {
  expect(refusal(() => withModel({ timeouts: { [misspelt(option)]: 1 } }))).toBe(`models["a"].timeouts.${misspelt(option)} is unknown: did you mean ${option}?`)
})

test('a policy\'s option misspelt is refused with the right word', () => {
  expect(refusal(() => withTop({ policy: { type: 'fifo', minActve: 1 } }))).toBe('policy.minActve is unknown: did you mean minActive?')
  expect(refusal(() => withTop({ policy: { type: 'even-handed', betta: 1 } }))).toBe('policy.betta is unknown: did you mean beta?')
  expect(refusal(() => withTop({ policy: { type: 'simple', minActive: 1 } }))).toContain('policy.minActive is unknown')
})

test('another way of writing words is recognised', () => {
  expect(refusal(() => withModel({ sleep_level: 1 }))).toBe('models["a"].sleep_level is unknown: did you mean sleepLevel?')
  expect(refusal(() => withModel({ SLEEPLEVEL: 1 }))).toBe('models["a"].SLEEPLEVEL is unknown: did you mean sleepLevel?')
})

test('a word that is like no option is refused with all of them', () => {
  expect(refusal(() => withModel({ quantization: 'awq' }))).toBe(`models["a"].quantization is unknown: known are ${model.join(', ')}`)
})

test('a key that is no identifier is shown in brackets', () => {
  expect(refusal(() => withModel({ 'sleep-level': 1 }))).toBe('models["a"]["sleep-level"] is unknown: did you mean sleepLevel?')
})

test('an unknown key is refused whatever its value', () => {
  expect(refusal(() => withModel({ sleepLevl: undefined }))).toContain('did you mean sleepLevel?')
})

test('an option on the wrong level is refused with its right place', () => {
  expect(refusal(() => withTop({ sleepLevel: 1 }))).toBe('sleepLevel belongs to a model: set it inside models["…"]')
  expect(refusal(() => withModel({ bodyLimit: 1 }))).toBe('models["a"].bodyLimit is for all models: set bodyLimit beside models')
  expect(refusal(() => withModel({ timeouts: { body: 1 } }))).toBe('models["a"].timeouts.body is for all models: set timeouts.body beside models')
  expect(refusal(() => withModel({ timeouts: { grace: 1 } }))).toBe('models["a"].timeouts.grace is for all models: set timeouts.grace beside models')
})
