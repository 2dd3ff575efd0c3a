import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** @param {string} path */
const file = path => fileURLToPath(new URL(path, import.meta.url))

/** What stands in for the leading words of `vllm serve …`. */
export const engineCommand = [process.execPath, file('engine.js')]
export const mockCommand = [process.execPath, file('../../mock-vllm/bin.js')]

/** A port that was free a moment ago. @returns {Promise<number>} */
export function freePort () {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
