import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const server = fileURLToPath(new URL('../server.js', import.meta.url))

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

/** The example gateway as a process of its own, on mock engines and on any free port. */
export function startGateway () {
  const { LLMUX_VLLM, LLMUX_MODELS, API_KEYS, ADMIN_KEY, MOCK_VLLM_GPU, REQUESTS_PER_MINUTE, ...env } = process.env
  const child = spawn(process.execPath, [server], {
    env: { ...env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C does not reach it: it is ended in order by whoever started it.
    detached: true
  })
  /** @type {Promise<Exit>} */
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  /** @type {string[]} */
  const lines = []
  /** @type {Promise<string>} */
  const origin = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', line => {
        lines.push(line)
        const [, url] = /Server listening at (http:\/\/[\w.:]+)/.exec(line) ?? []
        if (url !== undefined) resolve(url)
      })
    }
    ended.then(() => reject(new Error('the gateway has not started')), reject)
  })

  return {
    pid: child.pid ?? 0,
    /** `http://host:port`, when it listens. */
    origin,
    /** The end of its log. */
    lastLines: () => lines.slice(-20),
    /** As a service manager would. A second time it only waits. @returns {Promise<Exit>} */
    stop () {
      if (!child.killed && child.exitCode === null) child.kill('SIGTERM')
      return ended
    }
  }
}
