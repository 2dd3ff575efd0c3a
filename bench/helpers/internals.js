/* Floors that the package does not export, from the build that it is. */

/** @param {string} path @returns {Promise<any>} */
const built = path => import(new URL(`../../dist/lib/${path}.js`, import.meta.url).href)

/** @type {typeof import('../../lib/switcher/switcher.ts')} */
export const { Switcher } = await built('switcher/switcher')
/** @type {typeof import('../../lib/switcher/policy/index.ts')} */
export const { createPolicy } = await built('switcher/policy/index')
/** @type {typeof import('../../lib/clock.ts')} */
export const { systemClock } = await built('clock')
/** @type {typeof import('../../lib/events.ts')} */
export const { LlmuxEvents } = await built('events')
/** @type {typeof import('../../lib/switcher/policy/even-handed.ts')} */
export const { evenHanded } = await built('switcher/policy/even-handed')
/** @type {typeof import('../../lib/switcher/policy/serving-time.ts')} */
export const { servingTime } = await built('switcher/policy/serving-time')
/** @type {typeof import('../../lib/fleet/choice/choose.ts')} */
export const { affinity } = await built('fleet/choice/choose')
/** @type {typeof import('../../lib/host/node-state.ts')} */
export const { nodeState } = await built('host/node-state')
/** @type {typeof import('../../lib/simulator/clock.ts')} */
export const { SimulatedClock } = await built('simulator/clock')
/** @type {typeof import('../../lib/simulator/engines.ts')} */
export const { SimulatedEngines } = await built('simulator/engines')
/** @type {typeof import('../../lib/simulator/play.ts')} */
export const { modelsOf, playArrivals, simulatedModel, unlimited } = await built('simulator/play')
