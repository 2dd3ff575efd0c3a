import { setTimeout as delay } from 'node:timers/promises'
import { remaining } from '../../../example-app/demo/leftovers.js'
import { chat, Stream } from '../chat.js'
import { engineCore, nameOf } from '../processes.js'
import { judge } from '../verdict.js'
import { prompts } from './serving.js'

/** @param {import('../stage.js').Stage} stage @param {number} count */
async function load ({ app, subject: { models: [a], tokens } }, count) {
  const name = String(a?.name)
  await chat(app, name, 'Hello', 1)
  const streams = prompts.slice(0, count).map(prompt => new Stream(app, name, prompt, tokens))
  await app.until('the streams have begun', () => streams.every(({ text }) => text.length > 2))
  return streams
}

/** @param {import('../stage.js').Stage} stage */
export async function coreCrash (stage) {
  const { app, subject: { models: [a], tokens }, report, expected } = stage
  const name = String(a?.name)
  const streams = await load(stage, 3)
  const before = app.processes()
  process.kill(engineCore(await app.leader(name)), 'SIGKILL')
  const killed = performance.now()
  const answers = await Promise.all(streams.map(({ answer }) => answer))
  report.check('each stream says that the engine died, and breaks', answers.every(({ error, broken }) => error === 'engine_died' && broken), answers)
  report.time('from EngineCore’s death to the last broken stream', Math.max(...answers.map(({ ended }) => ended)) - killed)
  const next = await chat(app, name, String(prompts[0]), tokens)
  report.check('the next request is answered by a new engine', judge(expected, `${name} ${prompts[0]}`, next).ok, next)
  report.time('the next request, with a start', next.ms)
  const still = before.filter(({ pid }) => pid !== app.pid && app.processes().every(process => process.pid !== pid) && nameOf(pid) !== undefined)
  report.check('nothing is left of the dead engine', still.length === 0, still)
}

/** Streams end whole, waiters are refused, engines end with the gateway. @param {import('../stage.js').Stage} stage */
export async function sigterm (stage) {
  const { app, subject: { models: [a, b] }, report, expected } = stage
  const streams = await load(stage, 4)
  const waiter = chat(app, String(b?.name), 'Hello', 5)
  await app.until('somebody waits', async () => (await app.status()).waiting === 1)
  const processes = app.processes()
  const { code, ms } = await app.end('SIGTERM')
  const answers = await Promise.all(streams.map(({ answer }) => answer))
  report.time('from SIGTERM to the gateway’s end, streams included', ms)
  report.check('the streams in flight have ended whole', answers.every((answer, index) => !answer.broken && judge(expected, `${a?.name} ${prompts[index]}`, answer).ok), answers)
  const { status, error } = await waiter
  report.check('who waited is refused', status === 503 && error === 'LLMUX_ERR_CLOSING', { status, error })
  report.check('it ended with code 0', code === 0, code)
  const left = await remaining(processes)
  report.check(`none of its ${processes.length} processes is left`, left.length === 0, left)
}

/** Nobody can act for a gateway that is killed, but who watches it. @param {import('../stage.js').Stage} stage */
export async function sigkill (stage) {
  const { app, report } = stage
  const streams = await load(stage, 2)
  const processes = app.processes()
  await app.end('SIGKILL')
  const began = performance.now()
  await Promise.all(streams.map(({ answer }) => answer))
  let left = await remaining(processes)
  while (left.length > 0 && performance.now() - began < 5_000) {
    await delay(100)
    left = await remaining(processes)
  }
  report.time('from SIGKILL of the gateway to the end of its engines', performance.now() - began)
  report.check(`after 5 s none of its ${processes.length} processes is left`, left.length === 0, left.map(({ pid }) => nameOf(pid)))
  // They have been reported; the machine is to be left as it was.
  for (const { pid } of left) process.kill(pid, 'SIGKILL')
}
