/** @typedef {import('./feed.js').GatewayEvent} GatewayEvent */
/** @typedef {{ ok: boolean, text: string }} Result */
/**
 * @typedef {object} Ending
 * @property {import('./gateway.js').Exit} exit
 * @property {number | undefined} ran how many processes there were
 * @property {number[] | undefined} left those that are still there
 */

const gone = ['stopped', 'asleep', 'failed']

/** The most models that were on the GPU at once, on their way to it or from it. @param {GatewayEvent[]} events */
function mostAtOnce (events) {
  const present = new Set()
  let most = 0
  for (const event of events) {
    if (event.name !== 'engine') continue
    if (gone.includes(event.to)) present.delete(event.model)
    else present.add(event.model)
    most = Math.max(most, present.size)
  }
  return most
}

/** @param {import('./story.js').Reading} reading @param {string} model @param {number} tokens */
function isWhole ({ finishReason, models, tokens: read }, model, tokens) {
  return finishReason === 'length' && read === tokens && models.join() === model
}

/**
 * What the demo shows, looked up in what clients and gateway have noted.
 * @param {import('./story.js').Story} story
 * @param {Ending} ending
 * @returns {Result[]}
 */
export function conclusions ({ ann, bob, again, events }, { exit, ran, left }) {
  const find = (/** @type {string} */ name, /** @type {string} */ model, /** @type {string} */ to) =>
    events.findIndex(event => event.name === name && event.model === model && event.to === to)
  const lastByte = find('request', 'qwen-14b', 'released')
  const bobAsked = find('request', 'gemma-12b', 'queued')
  const sleep = find('engine', 'qwen-14b', 'sleeping')
  const start = find('engine', 'gemma-12b', 'starting')
  const starts = events.filter(({ name, model, to }) => name === 'engine' && model === 'qwen-14b' && to === 'starting').length

  return [
    {
      ok: isWhole(ann, 'qwen-14b', 60),
      text: `Ann's stream came whole: ${ann.tokens} of 60 tokens, finish_reason ${ann.finishReason}, all from ${ann.models}`
    },
    {
      ok: bobAsked >= 0 && bobAsked < lastByte,
      text: 'Bob asked for the other model in the middle of it'
    },
    {
      ok: lastByte >= 0 && lastByte < sleep && sleep < start && ann.last < bob.first,
      text: 'qwen-14b was put to sleep, and gemma-12b started, only after the last byte of Ann\'s stream'
    },
    {
      ok: isWhole(bob, 'gemma-12b', 24),
      text: `Bob's answer came whole, from ${bob.models}; all he noticed was a wait of ${((bob.first - bob.asked) / 1000).toFixed(1)} s`
    },
    {
      ok: mostAtOnce(events) === 1,
      text: 'the two models were never on the GPU together'
    },
    {
      ok: isWhole(again, 'qwen-14b', 5) && starts === 1 && find('engine', 'qwen-14b', 'waking') > start,
      text: 'for Ann\'s second question qwen-14b was woken, not started again'
    },
    processes(exit, ran, left)
  ]
}

/** @param {Ending['exit']} exit @param {Ending['ran']} ran @param {Ending['left']} left @returns {Result} */
function processes ({ code, signal }, ran, left) {
  if (ran === undefined || left === undefined) return { ok: code === 0, text: `the gateway has ended with code ${code} (its processes can only be looked for on Linux)` }
  return {
    // The gateway and, for each model, an API server and an engine: fewer seen would mean that nobody looked.
    ok: code === 0 && ran >= 5 && left.length === 0,
    text: `the gateway has ended with code ${code ?? signal}; of the ${ran} processes ${left.length === 0 ? 'none is' : 'these are'} left${left.map(pid => ` ${pid}`)}`
  }
}
