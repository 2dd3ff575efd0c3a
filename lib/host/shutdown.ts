import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import type { Clock, Timer } from '../clock.ts'
import { GraceTimeoutError } from '../errors.ts'
import type { ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import { releaseConnections } from './connections.ts'

export interface ShutdownContext {
  options: Pick<ResolvedOptions, 'timeouts' | 'models' | 'closeWithGrace'>
  switcher: Switcher
  orchestrator: Orchestrator
  clock: Clock
}

/** What closing takes in addition to its time limits, in milliseconds: SIGKILL, and waiting for the processes to end. */
const slack = 10_000

/** At the server's close: refuses waiting requests at once, cuts streams after the grace, and stops engines after the last stream. */
export function closeWithServer (fastify: FastifyInstance, context: ShutdownContext): void {
  const { options: { timeouts }, switcher, orchestrator, clock } = context
  const quiet = releaseConnections(fastify)
  let grace: Timer
  let graceOver: Promise<void> | undefined
  // Does not wait: Fastify's limit on hooks would interrupt the close.
  fastify.addHook('preClose', done => {
    switcher.close()
    graceOver = new Promise(resolve => { grace = clock.setTimeout(resolve, timeouts.grace) })
    graceOver.then(() => switcher.cut(new GraceTimeoutError(timeouts.grace)), () => {})
    done()
  })
  fastify.addHook('onClose', async () => {
    // With several addresses Fastify waits for only one of its servers.
    await Promise.race([quiet(), graceOver])
    clock.clearTimeout(grace)
    // Leases that have no connection to the server.
    switcher.cut(new GraceTimeoutError(timeouts.grace))
    await orchestrator.close()
  })
}

/** Closes the server on SIGTERM and SIGINT, if the option says so, or if no other listener does. */
export function closeOnSignals (fastify: FastifyInstance, { options, clock }: ShutdownContext): void {
  fastify.addHook('onReady', done => {
    const alone = process.listenerCount('SIGTERM') === 0 && process.listenerCount('SIGINT') === 0
    if (options.closeWithGrace ?? alone) install(fastify, options)
    done()
  })
}

function install (fastify: FastifyInstance, { timeouts, models }: ShutdownContext['options']): void {
  const longestStop = Math.max(...models.map(model => model.timeouts.stop))
  const { uninstall } = closeWithGrace({
    delay: timeouts.grace + longestStop + slack,
    logger: fastify.log as never,
    // A reload must not end the process, and exit codes must stay visible. After an uncaught error Node ends the process; the
    // exit handler stops the engines.
    skip: ['SIGHUP', 'SIGUSR2', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'beforeExit', 'uncaughtException', 'unhandledRejection']
  }, async ({ signal }) => {
    fastify.log.info({ signal }, `closing on ${signal}`)
    await fastify.close()
  })
  const forgetHangup = ignoreHangup(fastify)
  fastify.addHook('onClose', async () => {
    uninstall()
    forgetHangup()
  })
}

/** Without a listener SIGHUP would end the process at once. Returns a function that stops. */
function ignoreHangup ({ log }: FastifyInstance): () => void {
  const listener = () => log.info({ signal: 'SIGHUP' }, 'SIGHUP is ignored')
  if (process.listenerCount('SIGHUP') === 0) process.on('SIGHUP', listener)
  return () => { process.off('SIGHUP', listener) }
}
