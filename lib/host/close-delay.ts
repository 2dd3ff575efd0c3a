import { basename } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../clock.ts'
import { CloseDelayError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { Switcher } from '../switcher/switcher.ts'

export interface CloseDelayContext {
  /** How long streams may run at the end. Milliseconds. */
  grace: number
  switcher: Switcher
  events: LlmuxEvents
  clock: Clock
}

/** The time, in milliseconds, that fastify-cli gives a server to close by default. */
const cliDefault = 500

/** The time, in milliseconds, that fastify-cli lets this process close; undefined if it is not known. */
export function givenDelay (argv: readonly string[], env: NodeJS.ProcessEnv): number | undefined {
  const [, program = '', ...rest] = argv
  const isCli = (basename(program) === 'fastify' || /\/fastify-cli\/\w+\.js$/.test(program)) && rest.includes('start')
  if (!isCli) return undefined
  const index = rest.findIndex(argument => /^(--close-grace-delay|-g)(=|$)/.test(argument))
  const [, inline] = rest[index]?.split('=') ?? []
  const given = Number(index === -1 ? env['FASTIFY_CLOSE_GRACE_DELAY'] ?? cliDefault : inline ?? rest[index + 1])
  return Number.isFinite(given) ? given : undefined
}

/**
 * Warns if the server gets less time to close than streams may take. With fastify-cli the limit is known when the server is
 * ready. Limits in close-with-grace or in a supervisor show only at the end: the process exits while streams still run.
 */
export function watchCloseDelay (fastify: FastifyInstance, context: CloseDelayContext): void {
  const { grace, switcher, clock } = context
  const warn = (what: string) => { context.events.emit('warning', { time: clock.now(), model: undefined, error: new CloseDelayError(what, grace) }) }
  fastify.addHook('onReady', done => {
    const delay = givenDelay(process.argv, process.env)
    if (delay !== undefined && delay < grace) warn(`fastify-cli ends the process ${delay} ms after a signal (--close-grace-delay)`)
    done()
  })
  let onExit: (() => void) | undefined
  fastify.addHook('preClose', done => {
    const since = clock.now()
    onExit = () => {
      const after = Math.round(clock.now() - since)
      if (after < grace && switcher.status().models.some(({ inFlight }) => inFlight > 0)) warn(`the process was ended ${after} ms after the server had begun to close`)
    }
    process.once('exit', onExit)
    done()
  })
  fastify.addHook('onClose', async () => { if (onExit !== undefined) process.off('exit', onExit) })
}
