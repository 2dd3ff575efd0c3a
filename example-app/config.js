/** Known to everybody: good for a try on one's own machine, and refused where others can reach the server. */
const exampleKeys = { 'team-a': 'sk-example-team-a', 'team-b': 'sk-example-team-b' }
const exampleAdminKey = 'sk-example-admin'

/**
 * @typedef {object} Config
 * @property {string} host
 * @property {number} port
 * @property {string} logLevel
 * @property {Record<string, string>} keys who may ask for completions: name → key
 * @property {string} adminKey
 * @property {number} requestsPerMinute of each key
 * @property {string | undefined} vllm the command that starts a real vLLM; none: mock engines
 * @property {Record<string, import('fastify-llmux').ModelOptions> | undefined} models
 */

/**
 * Everything that differs from place to place comes from the environment; the README lists the variables.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Config}
 */
export function readConfig (env) {
  const { HOST: host = '127.0.0.1', ADMIN_KEY: adminKey = exampleAdminKey } = env
  const keys = env['API_KEYS'] === undefined ? exampleKeys : parseKeys(env['API_KEYS'])
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(host)
  if (!isLocal && (keys === exampleKeys || adminKey === exampleAdminKey)) {
    throw new Error(`HOST is ${host}: set API_KEYS and ADMIN_KEY, since the example keys are known to everybody`)
  }
  return {
    host,
    port: number('PORT', env['PORT'] ?? '3000'),
    logLevel: env['LOG_LEVEL'] ?? 'info',
    keys,
    adminKey,
    requestsPerMinute: number('REQUESTS_PER_MINUTE', env['REQUESTS_PER_MINUTE'] ?? '600'),
    vllm: env['LLMUX_VLLM'],
    models: env['LLMUX_MODELS'] === undefined ? undefined : parseModels(env['LLMUX_MODELS'])
  }
}

/** @param {string} text `name=key,name=key` */
function parseKeys (text) {
  const pairs = text.split(',').map(pair => /^\s*([\w-]+)=(\S+)\s*$/.exec(pair))
  // Without the text itself: keys are not to be shown.
  if (pairs.includes(null)) throw new Error('API_KEYS must be name=key,name=key')
  return Object.fromEntries(pairs.map(pair => [pair?.[1], pair?.[2]]))
}

/** @param {string} text @returns {Record<string, import('fastify-llmux').ModelOptions>} */
function parseModels (text) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('LLMUX_MODELS must be JSON: the `models` option of fastify-llmux', { cause })
  }
}

/** @param {string} name @param {string} text */
function number (name, text) {
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
