import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))
const python = here('node_modules/.venv/bin/python')

/**
 * @typedef {object} Client
 * @property {string} name
 * @property {string[]} command
 * @property {string | undefined} missing why it cannot run here
 * @property {Record<string, Partial<import('./steps.js').Expected>>} differs where it does by design what others do not, by step
 */

/** Those that know nothing of `x-should-retry` try again what they are told not to. */
const triesAgain = { 'x-should-retry: false': { asked: 3 } }

/** @type {Client[]} */
export const clients = [
  { name: 'openai (Node)', command: [process.execPath, here('programs/openai-node.js')], missing: undefined, differs: {} },
  { name: 'openai (Python)', command: [python, here('programs/openai-python.py')], missing: withoutPython('openai'), differs: {} },
  { name: 'ai + openai-compatible', command: [process.execPath, here('programs/ai-sdk.js')], missing: withoutNodeModule(), differs: triesAgain },
  { name: 'langchain-openai', command: [python, here('programs/langchain-python.py')], missing: withoutPython('langchain_openai'), differs: {} },
  { name: 'curl', command: [process.execPath, here('programs/curl.js')], missing: withoutCurl(), differs: triesAgain }
]

/** @param {string} module */
function withoutPython (module) {
  if (!existsSync(python)) return 'no Python environment: run test/clients/install.sh, where python3 is'
  return spawnSync(python, ['-c', `import ${module}`]).status === 0 ? undefined : `${module} cannot be imported: run test/clients/install.sh`
}

function withoutNodeModule () {
  return existsSync(here('node_modules/ai')) ? undefined : 'no node_modules/ai: run test/clients/install.sh'
}

function withoutCurl () {
  return spawnSync('curl', ['--version']).status === 0 ? undefined : 'no curl'
}
