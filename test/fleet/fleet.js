import { setTimeout as delay } from 'node:timers/promises'
import { startMock } from 'fastify-llmux/mock'
import { request } from 'undici'
import { ServerProcess } from './server-process.js'

/**
 * @typedef {object} TestNode
 * @property {ServerProcess} server
 * @property {import('fastify-llmux/mock').Mock} mock
 *
 * @typedef {Awaited<ReturnType<typeof startFleet>>} TestFleet
 */

const adminKey = 'operators'
const headers = { authorization: `Bearer ${adminKey}` }

/** What a switch and a token take. Milliseconds. */
/** The gateways do not look at GPU memory: an engine and eleven that sleep fit. */
const flags = { memory: 16_000, sleepMs: 150, wakeMs: 350, tokenMs: 4, promptMs: 20 }

/** As the fleet's option. All processes share the cores of one machine: one that gets none for a while does not hang yet. Milliseconds. */
const stale = 8_000

/** Milliseconds in which a node must come into a condition that it is waited for. */
const patience = 120_000

/** @param {string[]} models @returns {Promise<TestNode>} */
async function startNode (models) {
  const mock = startMock({ flags })
  const server = await ServerProcess.start('node', {
    adminKey,
    llmux: {
      command: mock.options.command ?? [],
      gpuMemoryCommand: false,
      models: Object.fromEntries(models.map(model => [model, { maxConcurrency: 8 }])),
      timeouts: { queue: 120_000, drain: 20_000, stop: 3_000 }
    }
  })
  return { server, mock }
}

/**
 * Nodes and edges in processes of their own, with all models started on each node.
 * @param {{ nodes: number, edges: number, models: string[], choice: string }} options
 */
export async function startFleet ({ nodes: count, edges: edgeCount, models, choice }) {
  /** @type {TestNode[]} */
  const nodes = []
  for (let index = 0; index < count; index++) nodes.push(await startNode(models))
  /** @type {ServerProcess[]} */
  const edges = []
  for (let index = 0; index < edgeCount; index++) edges.push(await ServerProcess.start('edge', { adminKey, choice, fleet: { nodes: nodes.map(({ server }) => server.url), stale } }))
  const fleet = {
    nodes,
    edges,

    /** Resolves when all edges see a node in that condition. @param {TestNode} node @param {string} condition */
    async is ({ server }, condition) {
      const end = Date.now() + patience
      for (const edge of edges) {
        while (await conditionAt(edge, server.url) !== condition) {
          if (Date.now() > end) throw new Error(`${server.url} is not ${condition} after ${patience} ms`)
          await delay(50)
        }
      }
    },

    /** Resolves with the status. @param {TestNode} node @param {string} path */
    async operate ({ server }, path) {
      const answer = await request(`${edges[0]?.url}/admin/nodes/${server.host}/${path}`, { method: 'POST', headers, headersTimeout: 0, bodyTimeout: 0 })
      await answer.body.dump()
      return answer.statusCode
    },

    async close () {
      await Promise.all(edges.map(edge => edge.remove()))
      await Promise.all(nodes.map(({ server }) => server.remove()))
    }
  }
  for (const node of nodes) await fleet.is(node, 'up')
  await Promise.all(nodes.map(async node => {
    for (const model of models) {
      const status = await fleet.operate(node, `models/${model}/switch?wait=true`)
      if (status !== 200) throw new Error(`a switch was answered ${status}`)
    }
  }))
  return fleet
}

/** @param {ServerProcess} edge @param {string} url */
async function conditionAt (edge, url) {
  const { body } = await request(`${edge.url}/admin/nodes`, { headers })
  const { nodes } = /** @type {{ nodes: import('fastify-llmux/fleet').NodeStatus[] }} */ (await body.json())
  return nodes.find(({ name }) => name === url)?.condition
}
