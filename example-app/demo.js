import { conclusions } from './demo/conclusions.js'
import { startGateway } from './demo/gateway.js'
import { family, remaining } from './demo/leftovers.js'
import { play } from './demo/story.js'
import { Timeline } from './demo/timeline.js'

/** Milliseconds. It takes five seconds, more on a busy machine. */
const longest = 60_000

const gateway = startGateway()
let interrupted = false
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    interrupted = true
    gateway.stop().finally(() => process.exit(1))
  })
}

/** @returns {Promise<boolean>} whether all is as it should be */
async function demo () {
  console.log(`
fastify-llmux: two models, one GPU that has room for one of them, one OpenAI-compatible API.
The engines are mocks on a simulated GPU, many times faster than real ones. Ann and Bob each use
the openai client as it is.
`)
  const origin = await gateway.origin
  const timeline = new Timeline(console.log)
  const story = await play(origin, timeline, AbortSignal.timeout(longest))
  const processes = family(gateway.pid)
  timeline.add('gateway', 'gets a SIGTERM')
  const exit = await gateway.stop()
  timeline.end(`has ended with code ${exit.code}, and its engines with it`)

  const left = processes && await remaining(processes)
  const results = conclusions(story, { exit, ran: processes?.length, left: left?.map(({ pid }) => pid) })
  console.log('\nWhat has been checked:')
  for (const { ok, text } of results) console.log(`  ${ok ? '✔' : '✘'} ${text}`)
  console.log()
  return results.every(({ ok }) => ok)
}

let ok = false
try {
  ok = await demo()
} catch (error) {
  // Of an interrupted run it says nothing new.
  if (!interrupted) console.error(error)
}
await gateway.stop()
if (!ok && !interrupted) console.error(`The demo has failed. The end of the gateway's log:\n${gateway.lastLines().join('\n')}`)
process.exitCode = ok ? 0 : 1
