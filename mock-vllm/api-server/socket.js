import { existsSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * vLLM binds before it loads the model and listens afterwards; Node cannot bind alone, so the address is tried and given back.
 * @param {import('../args.js').Config} config
 * @returns {Promise<string | undefined>} why it cannot be had
 */
export async function findConflict ({ uds, host, port }) {
  if (uds) return existsSync(uds) ? 'OSError: [Errno 98] Address already in use' : undefined
  const probe = createServer()
  return await new Promise((resolve) => {
    probe.once('error', (/** @type {NodeJS.ErrnoException} */ error) => resolve(describe(error)))
    probe.listen(port, host, () => probe.close(() => resolve(undefined)))
  })
}

/** @param {NodeJS.ErrnoException} error */
export function describe (error) {
  return error.code === 'EADDRINUSE' ? 'OSError: [Errno 98] Address already in use' : `OSError: [Errno ${Math.abs(error.errno ?? 0)}] ${error.message}`
}

/** @param {import('node:http').Server} server @param {import('../args.js').Config} config @returns {Promise<string>} the address for the log */
export async function listen (server, { uds, host, port }) {
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    if (uds) server.listen(uds, () => resolve(undefined))
    else server.listen({ port, host, backlog: 2048 }, () => resolve(undefined))
  })
  return uds ? `unix:${uds}` : `http://${host}:${port}`
}
