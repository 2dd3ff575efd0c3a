import { evenHanded, servingTime } from '../helpers/internals.js'

/** @typedef {import('../../lib/switcher/policy/policy.ts').Policy} Policy */
/** @typedef {import('../../lib/switcher/policy/policy.ts').Snapshot} Snapshot */
/** @typedef {import('../../lib/switcher/policy/policy.ts').ModelView} ModelView */

const defaults = { type: /** @type {const} */ ('even-handed'), beta: 0.5, maxWait: 60_000 }
const usual = evenHanded(defaults)

/** With options that are found anew for each decision. @param {(snapshot: Snapshot) => { beta?: number, maxWait?: number }} choose @returns {Policy} */
const chosen = choose => snapshot => evenHanded({ ...defaults, ...choose(snapshot) })(snapshot)

/** As if the models stood otherwise. @param {(model: ModelView, snapshot: Snapshot) => Partial<ModelView>} change @returns {Policy} */
const asIf = change => snapshot => usual({ ...snapshot, models: snapshot.models.map(model => ({ ...model, ...change(model, snapshot) })) })

/** @template T @param {readonly T[]} all @param {(one: T) => number} value */
const sum = (all, value) => all.reduce((sum, one) => sum + value(one), 0)

/** Who is awake; the traces of the report have one GPU. @param {Snapshot} snapshot */
const awake = ({ models }) => models.filter(({ awakeSince }) => awakeSince !== undefined)

/** What share of the requests are for the awake model. @param {Snapshot} snapshot */
const share = snapshot => sum(awake(snapshot), model => model.arrivalRate) / (sum(snapshot.models, model => model.arrivalRate) || 1)

/** How many usually wait beside how many do. @param {Snapshot} snapshot */
const usualShare = ({ models }) => sum(models, model => model.averageWaiting) / (sum(models, model => model.waiting) || 1)

/** Milliseconds until the awake model is idle by chance, if its requests come by chance. @param {Snapshot} snapshot */
const idleIn = snapshot => sum(awake(snapshot), ({ arrivalRate, serviceTime }) => Math.exp(arrivalRate * serviceTime) / arrivalRate)

/** Whether more wait for others than the `simple` policy lets wait. @param {ModelView} model @param {Snapshot} snapshot */
const outnumbered = (model, { models, costs }) => sum(models, ({ waiting }) => waiting) > 3 * model.inFlight + 0.3 * costs.initial / 1000

/** Policies that were tried instead of the default, as the options of it or as what is put to it. @type {Record<string, Policy>} */
export const variants = {
  'even-handed': usual,
  'β from 0.5 to 1 by the share of requests that are for the awake model': chosen(snapshot => ({ beta: 0.5 + share(snapshot) / 2 })),
  'β from 0.25 to 1, the less the more wait beside how many usually do': chosen(snapshot => ({ beta: Math.min(1, Math.max(0.25, usualShare(snapshot))) })),
  'early drain: as soon as it is worth it by the end of the drain': asIf((model, snapshot) =>
    model.awakeSince !== undefined ? {} : { age: model.age + model.waiting * Math.max(0, ...awake(snapshot).map(other => servingTime(other, other.inFlight))) }),
  'early drain: one in flight is as good as none': asIf(({ inFlight }) => ({ inFlight: inFlight === 1 ? 0 : inFlight })),
  'no drain of a busy model unless somebody is overdue': asIf(({ waiting }) => ({ averageWaiting: waiting + 1e6 })),
  'short visit: back as soon as many more wait, within three switches': asIf((model, snapshot) =>
    model.waiting === 0 && model.awakeSince !== undefined && snapshot.now - model.awakeSince < 3 * snapshot.costs.initial && outnumbered(model, snapshot) ? { inFlight: 0 } : {}),
  'short visit: a model of few requests is left without asking how many usually wait': asIf((_, snapshot) => share(snapshot) < 0.2 ? { averageWaiting: 0 } : {}),
  'overdue later, by the time until the awake model is idle, if that is below 60 s': chosen(snapshot => {
    const wait = idleIn(snapshot)
    return { maxWait: 60_000 + (wait < 60_000 ? wait : 0) }
  }),
  'β of 0.65': evenHanded({ ...defaults, beta: 0.65 }),
  '`maxWait` of 120 s': evenHanded({ ...defaults, maxWait: 120_000 }),
  'β of 1, `maxWait` of 300 s': evenHanded({ ...defaults, beta: 1, maxWait: 300_000 })
}
