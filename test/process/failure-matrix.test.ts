import t from 'tap'
import { ask, asleep, cut, deaths, died, frozen, goingToSleep, play, roles, starting, strike, thaw, waking, whole, type Case } from '../helpers/failure-cases.ts'
import type { TestGateway } from '../helpers/gateway.ts'

// Much of it is real processes starting, and the machine may be busy.
t.setTimeout(600_000)

// While one engine waits for a limit to pass, others can go on.
t.jobs = 2

const level2 = { sleepLevel: 2 } as const

const failures: Case[] = [
  { name: 'a start that ends with an exit code', faults: { start: 'exit@7/50*1' }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [{ ...died, text: /exit code 7"/ }] },
  { name: 'a start whose core dies by itself', faults: { start: 'die@50*1' }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [died] },
  {
    name: 'a start that hangs',
    faults: { start: 'hang*1' },
    a: { timeouts: { start: 6_000 } },
    arrange: starting(),
    outcomes: [{ status: 503, code: 'LLMUX_ERR_START_TIMEOUT', retryAfter: '1' }]
  },
  { name: 'a health probe that hangs', faults: { health: 'hang*1' }, timeouts: { health: 1_000 }, arrange: async gateway => [ask(gateway, 'a')], outcomes: [whole], warnings: ['LLMUX_ERR_HEALTH_TIMEOUT'] },
  { name: 'a sleep that hangs', timeouts: { sleep: 1_500 }, arrange: goingToSleep('hang*1'), outcomes: [whole], warnings: ['LLMUX_ERR_SLEEP_TIMEOUT'] },
  { name: 'a sleep that is refused', arrange: goingToSleep('500*1'), outcomes: [whole], warnings: ['LLMUX_ERR_SLEEP_FAILED'] },
  { name: 'a wake that hangs', timeouts: { wake: 1_500 }, arrange: waking({ wake: 'hang*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] },
  { name: 'a wake that is refused once', arrange: waking({ wake: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a wake that is refused for ever', arrange: waking({ wake: '500' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a wake without enough memory', arrange: waking({ wake: 'oom' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a core that crashes as it wakes', arrange: waking({ wake: 'crash@20' }), outcomes: [whole] },
  { name: 'a reload that hangs', a: level2, timeouts: { reload: 1_500 }, arrange: waking({ reload: 'hang*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_RELOAD_TIMEOUT'] },
  { name: 'a reload that is refused once', a: level2, arrange: waking({ reload: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a reload that is refused for ever', a: level2, arrange: waking({ reload: '500' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a prefix cache that cannot be reset', a: level2, arrange: waking({ reset: '500*1' }), outcomes: [whole], warnings: ['LLMUX_ERR_WAKE_FAILED'], survives: true },
  {
    name: 'a prefix cache that hangs, and with it the core',
    a: level2,
    timeouts: { resetPrefixCache: 500, sleep: 2_000 },
    arrange: waking({ reset: 'hang*1' }),
    outcomes: [whole],
    warnings: ['LLMUX_ERR_RESET_PREFIX_CACHE_TIMEOUT', 'LLMUX_ERR_SLEEP_TIMEOUT']
  },
  ...(['EngineCore', 'API process'] as const).flatMap(role => [
    {
      name: `an ${role} that is stopped while requests wait on it`,
      timeouts: { wedged: 1_500, health: 400, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await ask(gateway, 'a')
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'a')]
      },
      outcomes: [whole]
    },
    {
      name: `an ${role} that is stopped while nobody needs it, and is to go to sleep`,
      timeouts: { sleep: 1_000, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await ask(gateway, 'a')
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'b')]
      },
      outcomes: [whole],
      warnings: ['LLMUX_ERR_SLEEP_TIMEOUT', 'LLMUX_ERR_STOP_TIMEOUT']
    },
    {
      name: `an ${role} that is stopped while it sleeps`,
      timeouts: { wake: 1_000, stop: 1_000 },
      arrange: async (gateway: TestGateway) => {
        await asleep(gateway)
        await strike(role, 'SIGSTOP')(gateway)
        return [ask(gateway, 'a')]
      },
      outcomes: [whole],
      warnings: ['LLMUX_ERR_WAKE_TIMEOUT']
    }
  ])
]

const stop = { stop: 1_000 }

const frozenOnes: Case[] = [
  ...roles.map(role => ({ name: `the ${role} is killed while requests are frozen`, arrange: frozen(), strike: thaw(strike(role)), outcomes: [cut, whole] })),
  ...(['EngineCore', 'API process'] as const).map(role => (
    { name: `an ${role} that is stopped while requests are frozen`, timeouts: { wake: 1_000, ...stop }, arrange: frozen(), strike: thaw(strike(role, 'SIGSTOP')), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] }
  )),
  { name: 'a freeze that is refused', arrange: frozen({ sleep: '500*1' }), strike: thaw(), outcomes: [cut, whole], warnings: ['LLMUX_ERR_SLEEP_FAILED'] },
  { name: 'a freeze that hangs', timeouts: { sleep: 1_500, ...stop }, arrange: frozen({ sleep: 'hang*1' }), strike: thaw(), outcomes: [cut, whole], warnings: ['LLMUX_ERR_SLEEP_TIMEOUT'] },
  { name: 'a thaw that is refused for ever', arrange: frozen({ wake: '500' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a thaw that hangs', timeouts: { wake: 1_500 }, arrange: frozen({ wake: 'hang*1' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_TIMEOUT'] },
  { name: 'a thaw without enough memory', arrange: frozen({ wake: 'oom' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  { name: 'a core that crashes as it thaws', arrange: frozen({ wake: 'crash@20' }), strike: thaw(async () => {}), outcomes: [cut, whole] },
  { name: 'a thaw whose reload is refused for ever', a: level2, arrange: frozen({ reload: '500' }), strike: thaw(async () => {}), outcomes: [cut, whole], warnings: ['LLMUX_ERR_WAKE_FAILED'] },
  {
    name: 'the server is closed while requests are frozen',
    arrange: frozen(),
    strike: async gateway => { await gateway.app.close() },
    outcomes: [{ status: 200, broken: true, code: 'closing' }, { status: 503, code: 'LLMUX_ERR_CLOSING' }],
    closed: true
  }
]

for (const failure of [...deaths(roles), ...failures, ...frozenOnes]) t.test(failure.name, { buffered: true }, async t => await play(t, failure))
