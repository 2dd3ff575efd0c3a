import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { chat } from '../chat.js'
import { prompts } from './serving.js'

const run = promisify(execFile)
const gibibytes = (/** @type {number} */ bytes) => `${(bytes / 1024 ** 3).toFixed(2)} GiB`

/**
 * What the GPU and the host hold, and what the engines say of their sleeps: of the first one, in which host memory is pinned, and of a later one.
 * @param {import('../stage.js').Stage} stage
 */
export async function figures ({ app, subject: { models, env }, report }) {
  const names = models.map(({ name }) => name)
  for (const round of ['first', 'later']) {
    for (const name of names) {
      const answer = await chat(app, name, String(prompts[0]), 16)
      report.check(`${round} turn: ${name} answers`, answer.status === 200, answer)
      const began = performance.now()
      const { stdout } = await run('nvidia-smi', ['--query-gpu=memory.used,memory.total', '--format=csv,noheader,nounits'], { env: { ...process.env, ...env } })
      report.time('nvidia-smi', performance.now() - began)
      report.figure(`${round} turn, ${name} awake: GPU memory used, all`, stdout.trim().split('\n').map(line => `${line} MiB`).join('; '))
    }
    for (const { name, lastSleep, hostMemory } of (await app.status()).models) {
      if (lastSleep === undefined) continue
      const { freed = NaN, kept = NaN, sleepTime = NaN, wakeTime = NaN } = lastSleep
      report.figure(`${round} sleep of ${name}: freed, kept, time`, `${gibibytes(freed)}, ${gibibytes(kept)}, ${Math.round(sleepTime)} ms`)
      if (wakeTime >= 0) report.time('a wake, by the engine', wakeTime)
      if (hostMemory !== undefined) report.figure(`host memory of ${name} after it`, gibibytes(hostMemory))
    }
  }
}
