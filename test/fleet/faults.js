import { setTimeout as delay } from 'node:timers/promises'

/**
 * @typedef {import('./fleet.js').TestFleet} TestFleet
 * @typedef {import('./fleet.js').TestNode} TestNode
 * @typedef {object} Trouble one node is not as it should be: between the two, in milliseconds since the epoch
 * @property {string} kind
 * @property {number} node
 * @property {number} begin
 * @property {number} end
 */

/** What is done to a node; each resolves when it is done, the node not necessarily up. @type {Record<string, (fleet: TestFleet, node: TestNode) => Promise<void>>} */
const kinds = {
  async kill (fleet, node) {
    await node.server.stop('SIGKILL')
    await fleet.is(node, 'out')
    await node.server.start()
  },

  async stop (fleet, node) {
    node.server.signal('SIGSTOP')
    await fleet.is(node, 'out')
    node.server.signal('SIGCONT')
  },

  /** As an operator takes a machine away, and brings it back. */
  async restart (fleet, node) {
    const status = await fleet.operate(node, 'drain?wait=true')
    if (status !== 200) throw new Error(`a drain was answered ${status}`)
    await node.server.stop('SIGTERM')
    await node.server.start()
  }
}

/**
 * One after the other, each node in its turn, until the time is up; between two of them all nodes are up.
 * @param {TestFleet} fleet
 * @param {{ seconds: number, calm: number }} options how long, and milliseconds between two
 * @returns {Promise<Trouble[]>}
 */
export async function trouble (fleet, { seconds, calm }) {
  /** @type {Trouble[]} */
  const troubles = []
  const until = Date.now() + seconds * 1_000
  const names = Object.keys(kinds)
  for (let turn = 0; ; turn++) {
    await delay(calm)
    // The last one is to be over before the storm is.
    if (Date.now() > until - calm) return troubles
    // Each kind meets each node, for there are as many of the one as of the other.
    const kind = /** @type {string} */ (names[turn % names.length])
    const node = (turn + Math.floor(turn / names.length)) % fleet.nodes.length
    const begin = Date.now()
    const one = /** @type {TestNode} */ (fleet.nodes[node])
    await kinds[kind]?.(fleet, one)
    await fleet.is(one, 'up')
    troubles.push({ kind, node, begin, end: Date.now() })
  }
}
