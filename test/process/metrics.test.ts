import { Registry } from 'prom-client'
import t from 'tap'
import { catalogue } from '../../lib/metrics/catalogue.ts'
import llmuxMetrics from '../../lib/metrics/index.ts'
import { knownSeries } from '../../lib/metrics/known-labels.ts'
import { startGateway } from '../helpers/gateway.ts'
import { until } from '../helpers/engine-process.ts'

// A known series of requests on real mock processes, and then every number of the scrape.

/** `name{a="x",b="y"}` → value, with labels in the order of their names and histograms as `_count` only. */
function parse (text: string): Map<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const sorted = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => `${key}=${text}`).sort()
    return [`${name}{${sorted}}`, Number(value)]
  }))
}

t.test('a scrape after a known series of requests', async t => {
  const registry = new Registry()
  const earliest = performance.now()
  const gateway = await startGateway({ models: ['a', 'b'], mock: { 'start-ms': 40 }, after: app => app.register(llmuxMetrics, { registry }) })
  t.teardown(() => gateway.close())
  const { app, chat, post, gpu } = gateway
  t.equal(app.llmuxMetrics, registry)
  const began = performance.now()
  const ask = async (answer: Promise<Response>) => {
    const response = await answer
    return { status: response.status, text: await response.text().catch(() => 'broken') }
  }

  t.equal((await ask(chat('a', 'one'))).status, 200)
  t.equal((await ask(chat('a', 'two', { stream: true }))).status, 200)
  t.equal((await ask(post('/v1/completions', { model: 'a', prompt: 'three' }))).status, 200)
  t.equal((await ask(chat('b', 'one'))).status, 200)
  t.equal((await ask(chat('nobody\'s"\n', 'one'))).status, 404, 'a name from a client is no label')
  t.equal((await ask(post('/v1/chat/completions', '{'))).status, 400)
  // b dies in the midst of a stream, and with it its engine, which is started again for the next.
  t.match((await ask(chat('b', 'die', { stream: true }, { headers: { 'x-mock-fault': 'stream=die@2' } }))).text, /engine_died|broken/)
  t.equal((await ask(chat('b', 'again'))).status, 200)
  // a is ended, and its next start fails.
  await app.llmux.stop('a')
  gpu.setFaults('a', { start: 'exit@1/10*1' })
  t.equal((await ask(chat('a', 'fails'))).status, 503)
  // Whoever leaves while he waits.
  await until('b is back', () => app.llmux.status().models.find(({ name }) => name === 'b')!.state === 'awake')
  await until('all is over', () => app.llmux.status().transitions.length === 0)
  const leaving = new AbortController()
  const left = ask(chat('b', 'slow', { max_tokens: 1_000 }, { signal: leaving.signal, headers: { 'x-mock-token-ms': '20' } })).catch(() => undefined)
  await until('it is under way', () => app.llmux.status().models.some(({ inFlight }) => inFlight > 0))
  t.equal(parse(await registry.metrics()).get('llmux_requests_in_flight{model=b}'), 1)
  leaving.abort()
  await left
  await until('it is over', () => app.llmux.status().models.every(({ inFlight }) => inFlight === 0))
  await until('it is told', async () => parse(await registry.metrics()).get('llmux_requests_total{model=b,outcome=left,route=/v1/chat/completions}') === 1)

  const atLeast = (performance.now() - began) / 1000
  const seen = parse(await registry.metrics())
  const atMost = (performance.now() - earliest) / 1000
  const chatRoute = 'route=/v1/chat/completions'
  const exact: Record<string, number> = {
    // What has not happened is there all the same.
    ...Object.fromEntries(knownSeries([{ name: 'a', gpus: [0], gpuShare: 1 }, { name: 'b', gpus: [0], gpuShare: 1 }]).map(([name, labels]) => [`${name}{${Object.entries(labels).map(pair => pair.join('=')).sort()}}`, 0])),
    [`llmux_requests_total{model=a,outcome=ok,${chatRoute}}`]: 2,
    'llmux_requests_total{model=a,outcome=ok,route=/v1/completions}': 1,
    [`llmux_requests_total{model=a,outcome=server_error,${chatRoute}}`]: 1,
    [`llmux_requests_total{model=b,outcome=ok,${chatRoute}}`]: 2,
    [`llmux_requests_total{model=b,outcome=cut,${chatRoute}}`]: 1,
    [`llmux_requests_total{model=b,outcome=left,${chatRoute}}`]: 1,
    [`llmux_requests_total{model=,outcome=client_error,${chatRoute}}`]: 2,
    'gen_ai_server_request_duration_seconds_count{error_type=,gen_ai_operation_name=chat,gen_ai_request_model=a}': 2,
    'gen_ai_server_request_duration_seconds_count{error_type=,gen_ai_operation_name=text_completion,gen_ai_request_model=a}': 1,
    'gen_ai_server_request_duration_seconds_count{error_type=,gen_ai_operation_name=chat,gen_ai_request_model=b}': 2,
    'gen_ai_server_request_duration_seconds_count{error_type=LLMUX_ERR_PROCESS_DIED,gen_ai_operation_name=chat,gen_ai_request_model=a}': 1,
    'gen_ai_server_request_duration_seconds_count{error_type=LLMUX_ERR_ENGINE_DIED,gen_ai_operation_name=chat,gen_ai_request_model=b}': 1,
    'gen_ai_server_request_duration_seconds_count{error_type=left,gen_ai_operation_name=chat,gen_ai_request_model=b}': 1,
    'gen_ai_server_request_duration_seconds_count{error_type=LLMUX_ERR_MODEL_NOT_FOUND,gen_ai_operation_name=chat,gen_ai_request_model=}': 1,
    'gen_ai_server_request_duration_seconds_count{error_type=LLMUX_ERR_BODY_NOT_JSON,gen_ai_operation_name=chat,gen_ai_request_model=}': 1,
    'llmux_request_queue_seconds_count{model=a}': 4,
    'llmux_request_queue_seconds_count{model=b}': 4,
    'llmux_request_time_to_first_byte_seconds_count{model=a}': 3,
    'llmux_request_time_to_first_byte_seconds_count{model=b}': 3,
    'llmux_request_replays_total{model=a}': 0,
    'llmux_request_replays_total{model=b}': 0,
    'llmux_cut_streams_total{code=LLMUX_ERR_ENGINE_DIED,model=b}': 1,
    'llmux_queue_length{model=a}': 0,
    'llmux_queue_length{model=b}': 0,
    'llmux_queue_oldest_seconds{model=a}': 0,
    'llmux_queue_oldest_seconds{model=b}': 0,
    'llmux_requests_in_flight{model=a}': 0,
    'llmux_requests_in_flight{model=b}': 0,
    ...Object.fromEntries(['a', 'b'].flatMap(model => ['requests_frozen', 'request_freezes_total', 'request_thaws_total', 'request_frozen_seconds_total'].map(name => [`llmux_${name}{model=${model}}`, 0]))),
    'llmux_switches_total{from=,outcome=done,to=a}': 1,
    'llmux_switches_total{from=a,outcome=done,to=b}': 1,
    'llmux_switches_total{from=,outcome=done,to=b}': 2,
    'llmux_switches_total{from=a,outcome=done,to=}': 1,
    'llmux_switches_total{from=b,outcome=failed,to=a}': 1,
    'llmux_switch_duration_seconds_count{to=a}': 1,
    'llmux_switch_duration_seconds_count{to=b}': 3,
    'llmux_first_byte_after_switch_seconds_count{model=a}': 1,
    'llmux_first_byte_after_switch_seconds_count{model=b}': 2,
    'llmux_engine_starts_total{model=a}': 1,
    'llmux_engine_starts_total{model=b}': 2,
    'llmux_engine_start_failures_total{cause=other,model=a}': 1,
    'llmux_engine_restarts_total{model=a}': 0,
    'llmux_engine_restarts_total{model=b}': 1,
    'llmux_engine_crashes_total{model=a}': 0,
    'llmux_engine_crashes_total{model=b}': 1,
    'llmux_gpu_memory_total_bytes{gpu=0}': 24_576 * 1024 ** 2,
    ...Object.fromEntries(['stopped', 'starting', 'awake', 'sleeping', 'asleep', 'waking', 'stopping', 'failed'].flatMap(state => [
      [`llmux_engine_state{model=a,state=${state}}`, state === 'failed' ? 1 : 0],
      [`llmux_engine_state{model=b,state=${state}}`, state === 'awake' ? 1 : 0]
    ]))
  }
  const spans = (key: string) => /_(bucket|sum)\{/.test(key)
  const varying = /^llmux_(switch_phase_seconds_total|gpu_activity_seconds_total|request_bytes_total|response_bytes_total|gpu_memory_used_bytes|engine_host_memory_bytes|host_memory_limit_bytes|build_info|warnings_total)\{/
  const fixed = (values: Iterable<[string, number]>) => Object.fromEntries([...values].filter(([key]) => !spans(key) && !varying.test(key)).sort())
  t.same(fixed(seen), fixed(Object.entries(exact)))
  // As read when it went to sleep for the first time; a has no processes any more.
  t.equal(seen.get('llmux_engine_host_memory_bytes{model=a}'), 0)
  t.ok(seen.get('llmux_engine_host_memory_bytes{model=b}')! > 2e7)
  t.ok(seen.get('llmux_host_memory_limit_bytes{}')! > 1e8)

  t.test('times add up', async t => {
    const sum = (name: string) => [...seen].filter(([key]) => key.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0)
    const activity = (name: string) => seen.get(`llmux_gpu_activity_seconds_total{activity=${name},gpu=0}`)!
    const total = sum('llmux_gpu_activity_seconds_total')
    t.ok(atLeast <= total && total <= atMost, `${atLeast} ≤ ${total} ≤ ${atMost} s`)
    for (const name of ['switching', 'serving', 'idle']) t.ok(activity(name) > 0, name)
    const phases = sum('llmux_switch_phase_seconds_total')
    t.ok(phases > 0 && Math.abs(phases - activity('switching')) < 0.05 + 0.05 * phases, `phases ${phases} s, switching ${activity('switching')} s`)
    t.ok(sum('llmux_request_time_to_first_byte_seconds_sum') <= sum('gen_ai_server_request_duration_seconds_sum'))
    for (const [key, value] of seen) {
      const [, name = '', labels = ''] = /^(\w+)_bucket\{(?:(.*),)?le=\+Inf/.exec(key.replace(/\{(.*)\}/, (_, inner: string) => `{${[...inner.split(',').filter(part => !part.startsWith('le=')), ...inner.split(',').filter(part => part.startsWith('le='))]}}`)) ?? []
      if (name !== '') t.equal(value, seen.get(`${name}_count{${labels}}`), `${name} ends in all of them`)
    }
  })

  t.test('bytes are those of the bodies', async t => {
    t.equal(seen.get('llmux_request_bytes_total{model=}'), 0, 'what is not ours is not counted')
    t.ok(seen.get('llmux_request_bytes_total{model=a}')! > 4 * 20)
    t.ok(seen.get('llmux_response_bytes_total{model=a}')! > 3 * 100)
  })

  t.test('all that is exported is in the catalogue, and the reverse', async t => {
    const exported = (await registry.getMetricsAsJSON()).map(({ name }) => name)
    t.same(exported.sort(), Object.keys(catalogue).sort())
    t.match([...seen.keys()].find(key => key.startsWith('llmux_build_info')), /version=0\.1\.0/)
    t.notOk([...seen.keys()].some(key => key.includes('nobody')), 'nothing of a client\'s is in it')
  })

  await gateway.close()
  t.same(registry.getMetricsAsArray(), [], 'and all is taken out at the end')
})
