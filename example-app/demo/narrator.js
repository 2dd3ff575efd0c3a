/** @typedef {import('./feed.js').GatewayEvent} GatewayEvent */

/** @param {number} ms */
const seconds = ms => `${(ms / 1000).toFixed(2)} s`

/** What the column shows: in brackets who is on its way to the GPU, or from it. @param {string} model @param {string} state */
function onGpu (model, state) {
  if (state === 'awake') return model
  return state === 'asleep' || state === 'stopped' || state === 'failed' ? '–' : `(${model})`
}

/** @type {Record<string, (event: Extract<GatewayEvent, { name: 'engine' }>) => string>} */
const engineLines = {
  starting: ({ model }) => `starts ${model}, which is not running`,
  waking: ({ model }) => `wakes ${model}`,
  awake: ({ model, from, duration }) => `${model} is awake: ${from === 'starting' ? 'the start' : 'the wake'} took ${seconds(duration)}`,
  sleeping: ({ model }) => `puts ${model} to sleep`,
  asleep: ({ model, duration }) => `${model} is asleep after ${seconds(duration)}: its memory is free`,
  stopping: ({ model }) => `ends the processes of ${model}`
}

/**
 * Puts the gateway's events into words.
 * @param {import('./timeline.js').Timeline} timeline
 * @param {string[]} who in the order of their requests
 * @returns {(event: GatewayEvent) => void}
 */
export function narrator (timeline, who) {
  /** @type {Map<number, string>} */
  const names = new Map()
  /** Who is being answered, and by which model. @type {Map<string, string>} */
  const served = new Map()

  /** @param {Extract<GatewayEvent, { name: 'request' }>} event */
  function request ({ id, model, from, to, time }) {
    if (from === 'arrived') names.set(id, who[names.size] ?? 'someone')
    const name = names.get(id) ?? 'someone'
    if (to === 'granted') served.set(name, model)
    else served.delete(name)
    if (to === 'queued') timeline.add('gateway', `lets ${name} wait: ${model} is not awake`, { time })
    if (to === 'released') timeline.add('gateway', `has passed on the last byte for ${name}`, { time })
  }

  /** @param {Extract<GatewayEvent, { name: 'transition' }>} event */
  function transition ({ to, evict, time }) {
    const remaining = [...served].filter(([, model]) => evict.includes(model)).map(([name]) => name)
    if (to !== 'draining' || remaining.length === 0) return
    timeline.add('gateway', `${evict} is to go: nothing new is let in, and ${remaining} may finish`, { time })
  }

  return event => {
    if (event.name === 'request') return request(event)
    if (event.name === 'transition') return transition(event)
    const line = engineLines[event.to]
    if (line !== undefined) timeline.add('gateway', line(event), { time: event.time, gpu: onGpu(event.model, event.to) })
  }
}
