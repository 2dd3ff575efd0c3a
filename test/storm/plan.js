import { randomFrom } from './random.js'

/**
 * @typedef {object} StormOptions
 * @property {number} seed
 * @property {number} models
 * @property {number} requests
 * @property {number} seconds over which they come
 * @property {number} [devices] GPUs. With four, nine models share them in all ways. Default 1.
 * @property {number} [crashes] share of requests that kill their engine, by themselves or by a kill at that moment. Default 0.
 *
 * @typedef {object} Shot one request, and what its client does
 * @property {string} id found again in the prompt, in the answer and in the mocks' records
 * @property {number} at ms after the start
 * @property {string} model
 * @property {boolean} stream
 * @property {number} tokens
 * @property {number | undefined} leaveAfter ms after which the client hangs up
 * @property {'poison' | 'core' | 'api' | undefined} crash `poison`: the request kills the engine; others: that process is killed as it is sent
 * @property {number} padding bytes added to the body
 */

/** What kills a mock that is told to die of it. */
export const poisonWord = 'arsenic'

/**
 * The same storm for the same seed.
 * @param {StormOptions} options
 * @returns {Shot[]}
 */
export function plan ({ seed, models, requests, seconds, crashes = 0 }) {
  const random = randomFrom(seed)
  const names = Array.from({ length: models }, (_, index) => `model-${index}`)
  const shots = Array.from({ length: requests }, (_, index) => ({
    id: `shot-${seed}-${index}`,
    at: random.between(0, seconds * 1_000),
    // The first is asked for more often than the last.
    model: /** @type {string} */ (names[Math.floor(random.next() ** 1.5 * models)]),
    stream: random.chance(0.6),
    tokens: Math.ceil(random.between(1, 60)),
    leaveAfter: random.chance(0.12) ? random.between(0, 1_500) : undefined,
    crash: random.chance(crashes) ? random.pick(/** @type {Array<'poison' | 'core' | 'api'>} */ (['poison', 'core', 'api'])) : undefined,
    padding: random.chance(0.05) ? Math.ceil(random.between(1e5, 2e6)) : 0
  }))
  return shots.sort((a, b) => a.at - b.at)
}
