import { chooseNode } from 'fastify-llmux/fleet'

/** @typedef {import('fastify-llmux/fleet').ChooseNode} ChooseNode */
/** @typedef {import('fastify-llmux/fleet').FleetSnapshot} FleetSnapshot */

/** Those that could take the request. @param {FleetSnapshot} snapshot */
const able = ({ model, nodes }) => nodes.filter(({ models }) => models.some(({ id, full, obstacle }) => id === model && !full && obstacle === undefined))

/** What a fleet would go by without llmux's state, made anew for each edge. @type {Record<string, () => ChooseNode>} */
export const choices = {
  llmux: () => chooseNode,
  random: () => snapshot => {
    const nodes = able(snapshot)
    return nodes[Math.floor(Math.random() * nodes.length)]?.name
  },
  'round-robin': () => {
    let count = 0
    return snapshot => {
      const nodes = able(snapshot)
      return nodes[count++ % nodes.length]?.name
    }
  }
}
