/**
 * Reads what the mocks have written down, and says what must not have been.
 *
 * @typedef {import('./client.js').Outcome} Outcome
 * @typedef {{ t: number, event: string, engine: string, api: number, core: number, [field: string]: any }} MockRecord
 * @typedef {{ time: number, model: string, from: string, to: string, failed?: boolean, restores?: boolean, request?: string | undefined }} Change
 */

/**
 * @param {object} storm
 * @param {Outcome[]} storm.outcomes
 * @param {MockRecord[]} storm.records
 * @param {Change[]} storm.transitions
 * @param {Change[]} storm.requests
 * @param {number} [storm.devices] GPUs; on one of them no two models of these storms fit
 * @returns {string[]} one line per fault
 */
export function check ({ outcomes, records, transitions, requests, devices = 1 }) {
  return [
    ...outcomes.filter(({ kind }) => kind === 'fault').map(({ shot, detail }) => `${shot.id}: ${detail}`),
    ...sleepersReached(records, requests),
    ...devices > 1 ? [] : awakeTogether(records),
    ...answeredWrongly(outcomes, records),
    ...devices > 1 ? [] : uselessAwakenings(transitions, requests)
  ]
}

/**
 * Nothing is sent to an engine that sleeps. What was on its way when it was frozen may arrive after that: it is one of those
 * that the engine goes on with.
 * @param {MockRecord[]} records @param {Change[]} requests
 */
function sleepersReached (records, requests) {
  return records
    .filter(({ event, state }) => event === 'request' && (state === 'asleep' || state === 'paused'))
    .filter(record => requests.findLast(({ request, time }) => request === shotOf(record) && time <= record.t)?.to !== 'frozen')
    .map(({ engine, prompt, state }) => `a request reached ${engine} while it was ${state}: ${prompt}`)
}

const up = new Set(['started', 'woke'])
const down = new Set(['sleeping', 'stopping', 'died', 'gone', 'ended'])

/** @param {MockRecord[]} records */
function awakeTogether (records) {
  const awake = new Set()
  const faults = []
  for (const { event, engine, full, role } of [...records].sort((a, b) => a.t - b.t)) {
    // An API server that dies leaves a core behind which still has the GPU.
    if (down.has(event) && role !== 'api-server') awake.delete(engine)
    if (!up.has(event) || full === false) continue
    awake.add(engine)
    if (awake.size > 1) faults.push(`awake together: ${[...awake].join(' and ')}`)
  }
  return faults
}

/** @param {Outcome[]} outcomes @param {MockRecord[]} records */
function answeredWrongly (outcomes, records) {
  const faults = []
  const asked = records.filter(({ event }) => event === 'request')
  const finished = new Set(records.filter(({ event }) => event === 'finished').map(({ engine, core, id }) => `${engine} ${core} ${id}`))
  const byShot = groupBy(asked, shotOf)
  for (const { shot, kind } of outcomes) {
    const tries = byShot.get(shot.id) ?? []
    const whole = tries.filter(({ engine, core, id }) => finished.has(`${engine} ${core} ${id}`))
    if (tries.some(({ engine }) => engine !== shot.model)) faults.push(`${shot.id} for ${shot.model} reached another model`)
    if (whole.length > 1) faults.push(`${shot.id} was answered ${whole.length} times`)
    if (kind === 'whole' && whole.length === 0) faults.push(`${shot.id} was answered by nobody`)
    if (tries.length > 6) faults.push(`${shot.id} was sent ${tries.length} times`)
  }
  return faults
}

/** @param {MockRecord} record */
function shotOf ({ prompt }) {
  return String(prompt).split(/\s/, 1)[0]
}

/** @template T @param {T[]} list @param {(item: T) => any} key @returns {Map<any, T[]>} */
function groupBy (list, key) {
  const groups = new Map()
  for (const item of list) groups.set(key(item), [...groups.get(key(item)) ?? [], item])
  return groups
}

/** Whether one goes who has waited for its model to be woken. @param {Change} change */
const gone = ({ from, to }) => ['left', 'refused'].includes(to) || (from === 'frozen' && to !== 'granted')

/**
 * A model that was woken and then served nobody, though nobody had left it meanwhile. One that is brought back because the
 * model it made way for could not be brought up is awake as it was before: that is no mistake. Nor is one that was asked for by hand.
 * @param {Change[]} transitions @param {Change[]} requests
 */
function uselessAwakenings (transitions, requests) {
  const faults = []
  for (const [index, { model, time, from, to, failed, restores }] of transitions.entries()) {
    if (from !== 'waking' || to !== 'idle' || failed || restores) continue
    const next = transitions.slice(index + 1).find((change) => change.to === 'evicting')
    const served = requests.some((change) => change.model === model && change.to === 'granted' && change.time >= time && change.time <= (next?.time ?? Infinity))
    const begun = transitions.slice(0, index).findLast((change) => change.to === 'waking')
    const left = requests.some((change) => change.model === model && gone(change) && change.time >= (begun?.time ?? 0) && change.time <= time)
    if (!served && !left && next !== undefined) faults.push(`${model} was woken and served nobody`)
  }
  return faults
}
