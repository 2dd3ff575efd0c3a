import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { HealthTimeoutError, NotStartableError, ProcessDiedError, SleepError } from '../../../lib/errors.ts'
import { LlmuxEvents } from '../../../lib/events.ts'
import type { EngineChange, EngineState, ResponseEnd, TransitionChange } from '../../../lib/events.ts'
import { catalogue } from '../../../lib/metrics/catalogue.ts'
import { countEvents } from '../../../lib/metrics/from-events.ts'
import { Instruments } from '../../../lib/metrics/instruments.ts'
import { cutCodes, knownSeries, modelWarnings, otherWarnings } from '../../../lib/metrics/known-labels.ts'
import { operationOf } from '../../../lib/gen-ai.ts'
import { knownRoutes } from '../../../lib/options/index.ts'
import { codeWords, tablesUnder } from '../../helpers/readme.ts'

function setup () {
  const registry = new Registry()
  let scrapes = 0
  const instruments = new Instruments(registry, () => { scrapes++ })
  const events = new LlmuxEvents()
  const stop = countEvents(events, instruments)
  /** The lines of one metric, without its name. */
  async function lines (name: string) {
    const text = await registry.metrics()
    return text.split('\n').filter(line => line.startsWith(`${name}{`)).map(line => line.slice(name.length)).sort()
  }
  return { registry, instruments, events, stop, lines, scrapes: () => scrapes }
}

const response = (more: Partial<ResponseEnd>): ResponseEnd => ({
  time: 0, request: 'r', model: 'a', route: '/v1/completions', status: 200, outcome: 'ok', queued: 500, firstByte: 700, duration: 2_000, replays: 0, received: 10, sent: 20, ...more
})
const transition = (more: Partial<TransitionChange>): TransitionChange => ({
  time: 0,
  model: 'b',
  wake: 'b',
  from: 'waking',
  to: 'idle',
  reason: 'r',
  duration: 1,
  evict: ['a'],
  outcome: 'done',
  phases: { checking: 1, draining: 2_000, evicting: 300, waking: 4_000 },
  steps: { memory: 500, wake: 1_000, reload: 2_000, warmUp: 250 },
  ...more
})

/** The codes in `docs/errors.md`, of requests and of warnings. */
function documentedCodes () {
  const codes = (heading: string) => tablesUnder('docs/errors.md', heading).flat().map(([cell = '']) => codeWords(cell)[0]!)
  return { requests: codes('## Errors of a request'), warnings: codes('## Warnings') }
}

test('the phases of a switch are counted in seconds, and what no step accounts for as other', async () => {
  const { events, lines } = setup()
  events.emit('transition', transition({ to: 'waking' }))
  events.emit('transition', transition({}))
  events.emit('transition', transition({}))
  expect(await lines('llmux_switches_total')).toEqual(['{from="a",to="b",outcome="done"} 2'])
  expect(Object.fromEntries((await lines('llmux_switch_phase_seconds_total')).map(line => [/phase="(\w+)"/.exec(line)![1], Number(line.split(' ')[1])]))).toEqual({
    check: 0.002, drain: 4, sleep: 0.6, memory: 1, wake: 2, reload: 4, warm_up: 0.5, other: 0.5
  })
  expect(await lines('llmux_switch_duration_seconds_sum')).toEqual([`{to="b"} ${2 * 6.301}`])
})

test('failed switches, and switches that only put to sleep, have no duration until awake', async () => {
  const { events, lines } = setup()
  events.emit('transition', transition({ outcome: 'failed', evict: ['c', 'a'] }))
  events.emit('transition', transition({ outcome: 'undone', evict: [], phases: { draining: 0 }, steps: {} }))
  const { wake, ...asleep } = transition({ model: 'a' })
  events.emit('transition', asleep)
  expect(await lines('llmux_switches_total')).toEqual([
    '{from="",to="b",outcome="undone"} 1', '{from="a",to="",outcome="done"} 1', '{from="a+c",to="b",outcome="failed"} 1'
  ])
  expect(await lines('llmux_switch_duration_seconds_count')).toEqual([])
})

test('requests by how they ended, with an error type where the convention wants one', async () => {
  const { events, lines } = setup()
  events.emit('response', response({}))
  events.emit('response', response({ outcome: 'client_error', status: 422 }))
  events.emit('response', response({ outcome: 'cut', code: 'LLMUX_ERR_STALLED', replays: 2 }))
  events.emit('response', response({ outcome: 'left', status: undefined, firstByte: undefined }))
  events.emit('response', response({ model: undefined, outcome: 'client_error', status: 404, code: 'LLMUX_ERR_MODEL_NOT_FOUND', firstByte: undefined }))
  const types = (await lines('gen_ai_server_request_duration_seconds_count')).map(line => /error_type="([^"]*)"/.exec(line)![1])
  expect(types.sort()).toEqual(['', '422', 'LLMUX_ERR_MODEL_NOT_FOUND', 'LLMUX_ERR_STALLED', 'left'])
  expect(await lines('llmux_request_replays_total')).toEqual(['{model="a"} 2'])
  expect(await lines('llmux_cut_streams_total')).toEqual(['{model="a",code="LLMUX_ERR_STALLED"} 1'])
  expect(await lines('llmux_request_queue_seconds_sum')).toEqual(['{model="a"} 2'])
  expect(await lines('llmux_request_time_to_first_byte_seconds_count')).toEqual(['{model="a"} 3'])
  expect(await lines('llmux_request_bytes_total')).toEqual(['{model=""} 10', '{model="a"} 40'])
  expect(await lines('llmux_response_bytes_total')).toEqual(['{model=""} 20', '{model="a"} 80'])
})

const died = new ProcessDiedError('a', 'x')
const noStart = Object.assign(new ProcessDiedError('a', 'x'), { startCause: 'gpu_memory' as const })
const failedSleep = new SleepError('a', 'x')

test.for<[what: string, from: EngineState, to: EngineState, error: Error | undefined, counted: string[]]>([
  ['a start', 'starting', 'awake', undefined, ['starts']],
  ['a wake', 'waking', 'awake', undefined, []],
  ['the beginning of a first start', 'stopped', 'starting', undefined, []],
  ['a start of one that could not be woken', 'stopping', 'starting', undefined, ['restarts']],
  ['a crash while awake, whatever it was', 'awake', 'failed', new HealthTimeoutError('a', 1), ['crashes']],
  ['a crash while asleep', 'asleep', 'failed', died, ['crashes']],
  ['a crash while it wakes', 'waking', 'stopping', died, ['crashes']],
  ['a crash while it goes to sleep', 'sleeping', 'stopping', died, ['crashes']],
  ['a sleep that was refused', 'sleeping', 'stopping', failedSleep, []],
  ['the first half of the end of a start that died', 'starting', 'stopping', died, []],
  ['a start that could not be spawned', 'starting', 'failed', noStart, ['start_failures']],
  ['a start that died', 'stopping', 'failed', noStart, ['start_failures']],
  ['the second half of the end of another', 'stopping', 'failed', died, []],
  ['a stop that was asked for', 'awake', 'stopping', undefined, []]
])('%s counts as what it is', async ([, from, to, error, counted]) => {
  const { events, lines } = setup()
  const change: EngineChange = { time: 0, model: 'a', from, to, reason: '', duration: 0, ...(error && { error }), ...(error === noStart && { startCause: 'gpu_memory' }) }
  events.emit('engine', change)
  for (const name of ['starts', 'restarts', 'crashes', 'start_failures']) {
    expect(await lines(`llmux_engine_${name}_total`), name).toEqual(counted.includes(name) ? [name === 'start_failures' ? '{model="a",cause="gpu_memory"} 1' : '{model="a"} 1'] : [])
  }
})

test.for<EngineState[]>([['failed'], ['failed', 'stopped']])('a start after a crash counts as a restart, once: %s', async states => {
  const { events, lines } = setup()
  const path: EngineState[] = ['awake', ...states, 'starting', 'awake', 'stopped', 'starting']
  path.slice(1).forEach((to, index) => events.emit('engine', { time: 0, model: 'a', from: path[index]!, to, reason: '', duration: 0 }))
  expect(await lines('llmux_engine_restarts_total')).toEqual(['{model="a"} 1'])
})

test('a start that is refused before there is a process counts as one that failed, once', async () => {
  const { events, lines } = setup()
  const error = Object.assign(new NotStartableError('b', 'port 8000 is taken'), { startCause: 'port_taken' as const })
  events.emit('transition', transition({ outcome: 'failed', error, phases: { checking: 1 }, steps: {} }))
  events.emit('transition', transition({ outcome: 'failed', error: noStart, steps: {} }))
  expect(await lines('llmux_engine_start_failures_total')).toEqual(['{model="b",cause="port_taken"} 1'])
})

test('warnings by code, and the first byte after a switch', async () => {
  const { events, lines } = setup()
  events.emit('warning', { time: 0, model: undefined, error: new Error('x') })
  events.emit('warning', { time: 0, model: 'a', error: failedSleep })
  events.emit('first', { time: 0, model: 'a', duration: 40 })
  expect(await lines('llmux_warnings_total')).toEqual(['{model="",code=""} 1', '{model="a",code="LLMUX_ERR_SLEEP_FAILED"} 1'])
  expect(await lines('llmux_first_byte_after_switch_seconds_sum')).toEqual(['{model="a"} 0.04'])
})

const two = [{ name: 'a', gpus: [0], gpuShare: 1 }, { name: 'b', gpus: [0, 1], gpuShare: 1 }]

test('a scrape looks at the status once, before anything is read', async () => {
  const { registry, instruments, scrapes } = setup()
  instruments.begin(two)
  await registry.metrics()
  expect(scrapes()).toBe(1)
})

describe('series whose labels are known begin at 0:', () => {
  test('all counters, and all histograms but the one by error', async () => {
    const { instruments, registry } = setup()
    instruments.begin(two)
    const text = await registry.metrics()
    const values = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => Number(line.split(' ').at(-1)))
    expect(values.every(value => value === 0)).toBe(true)
    const without = Object.entries(catalogue).filter(([name, { type }]) => type !== 'gauge' && !text.includes(`\n${name}${type === 'histogram' ? '_count' : ''}{`)).map(([name]) => name)
    expect(without).toEqual(['gen_ai_server_request_duration_seconds'])
  })

  test('every counter has every label of its own', () => {
    for (const [name, labels] of knownSeries(two)) expect(Object.keys(labels), name).toEqual(catalogue[name].labels)
  })

  test('with every code that the documents have, and none that they have not', () => {
    const { requests, warnings } = documentedCodes()
    expect(requests).toEqual(expect.arrayContaining(cutCodes))
    // A wake that fails is a warning, since a start follows.
    expect([...new Set([...modelWarnings, ...otherWarnings])].filter(code => !requests.includes(code)).sort()).toEqual(warnings.sort())
  })

  test('what is counted stays when other models come', async () => {
    const { instruments, events, lines } = setup()
    instruments.begin(two)
    events.emit('response', response({}))
    instruments.begin([...two, { name: 'c', gpus: [1], gpuShare: 1 }])
    expect(await lines('llmux_request_queue_seconds_count')).toEqual(['{model="a"} 1', '{model="b"} 0', '{model="c"} 0'])
    expect(await lines('llmux_requests_total')).toContain('{model="a",route="/v1/completions",outcome="ok"} 1')
  })

  test('switches between models that share a GPU', async () => {
    const { instruments, lines } = setup()
    instruments.begin([...two, { name: 'c', gpus: [1], gpuShare: 1 }])
    const pairs = (await lines('llmux_switches_total')).filter(line => line.includes('"failed"')).map(line => /from="([\w+]*)",to="(\w*)"/.exec(line)!.slice(1).join('→'))
    expect(pairs.sort()).toEqual(['a+c→b', 'a→', 'a→b', 'b→', 'b→a', 'b→c', 'c→', 'c→b', '→a', '→b', '→c'])
  })

  test('and from several at once: models that may be awake together, on GPUs of their own or on parts of one', async () => {
    const { instruments, events, lines } = setup()
    const small = (name: string, gpu: number) => ({ name, gpus: [gpu], gpuShare: 0.5 })
    instruments.begin([{ name: 'large', gpus: [0, 1], gpuShare: 1 }, small('d', 0), small('c', 0), small('e', 1), { name: 'f', gpus: [1], gpuShare: 0.6 }])
    const from = async (to: string, value = 0) => (await lines('llmux_switches_total')).filter(line => line.endsWith(`to="${to}",outcome="done"} ${value}`)).map(line => /from="([^"]*)"/.exec(line)![1]).sort()
    expect(await from('large')).toEqual(['', 'c', 'c+d', 'c+d+e', 'c+d+f', 'c+e', 'c+f', 'd', 'd+e', 'd+f', 'e', 'f'])
    expect(await from('e')).toEqual(['', 'f', 'large'])
    events.emit('transition', transition({ model: 'large', wake: 'large', evict: ['d', 'c'] }))
    expect(await from('large', 1)).toEqual(['c+d'])
    const many = Array.from({ length: 30 }, (_, index) => ({ name: `m${index}`, gpus: [0], gpuShare: 0.1 }))
    expect(knownSeries(many).length).toBeLessThan(30 * 100 * 15)
  })
})

test('who has stopped counts no more, and leaves nothing in the registry', () => {
  const { registry, instruments, events, stop } = setup()
  stop()
  instruments.remove()
  events.emit('response', response({}))
  expect(registry.getMetricsAsArray()).toEqual([])
})

test('each route has an operation, and each histogram buckets to ten minutes', () => {
  expect([...operationOf.keys()]).toEqual(knownRoutes.map(({ path }) => path))
  expect(operationOf.get('/v1/chat/completions')).toBe('chat')
  expect(operationOf.get('/v1/rerank')).toBe('rerank')
})
