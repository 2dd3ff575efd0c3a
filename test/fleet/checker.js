/**
 * Reads what clients have seen and what the engines of all nodes have written down, and says what must not have been.
 *
 * @typedef {import('../storm/client.js').Outcome} Outcome
 * @typedef {import('./faults.js').Trouble} Trouble
 * @typedef {import('fastify-llmux/mock').MockRecord} MockRecord
 * @typedef {{ node: number, time: number }} Served one whole answer of an engine
 */

/** After a node goes on, or has died, its engines may still finish what they were at: a moment later they have let go of it. Milliseconds. */
const letGo = 5_000

/**
 * @param {{ outcomes: Outcome[], records: MockRecord[][], troubles: Trouble[] }} storm records by node
 * @returns {{ faults: string[], served: Map<string, Served[]>, repeated: number }} `repeated`: requests that an engine finished after its node had been given up
 */
export function check ({ outcomes, records, troubles }) {
  const served = answers(records)
  const inTrouble = (/** @type {Served} */ { node, time }) => troubles.some(one => one.node === node && one.kind !== 'restart' && time >= one.begin && time <= one.end + letGo)
  const faults = []
  let repeated = 0
  for (const { shot, kind, status, code, detail, begun } of outcomes) {
    const own = served.get(shot.id) ?? []
    if (kind === 'fault') faults.push(`${shot.id}: ${detail}`)
    if (kind === 'error') faults.push(`${shot.id} was lost without a byte: ${status} ${code} ${detail}`)
    if (kind === 'broken' && !begun) faults.push(`${shot.id} was lost without a byte: ${detail}`)
    if (kind === 'broken' && begun && code !== 'node_lost') faults.push(`${shot.id} broke without a word: ${detail}`)
    if (kind === 'whole' && own.length === 0) faults.push(`${shot.id} was answered by nobody`)
    if (own.length < 2) continue
    if (own.filter(one => !inTrouble(one)).length > 1) faults.push(`${shot.id} was served ${own.length} times: ${JSON.stringify(own)}, ${kind}`)
    else repeated++
  }
  return { faults, served, repeated }
}

/** By shot. @param {MockRecord[][]} records @returns {Map<string, Served[]>} */
function answers (records) {
  /** @type {Map<string, Served[]>} */
  const served = new Map()
  for (const [node, own] of records.entries()) {
    const key = (/** @type {MockRecord} */ { engine, core, id }) => `${engine} ${core} ${id}`
    const shots = new Map(own.filter(({ event }) => event === 'request').map(record => [key(record), String(record.prompt).split(/\s/, 1)[0] ?? '']))
    for (const record of own) {
      const shot = record.event === 'finished' ? shots.get(key(record)) : undefined
      if (shot !== undefined) served.set(shot, [...served.get(shot) ?? [], { node, time: record.t }])
    }
  }
  return served
}
