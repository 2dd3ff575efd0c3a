/**
 * vLLM's log lines: each line of a message has the prefix of its process.
 * @typedef {(level: 'INFO' | 'WARNING' | 'ERROR', source: string, message: string) => void} Log
 */

/** @param {number} value */
const two = (value) => String(value).padStart(2, '0')

/** @param {Date} date */
function timestamp (date) {
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const levelColor = { INFO: '\x1b[32m', WARNING: '\x1b[33m', ERROR: '\x1b[31m' }

/**
 * @param {string} role APIServer, EngineCore, Worker_TP0
 * @param {{ colors: boolean, quiet: boolean }} config
 * @returns {Log}
 */
export function createLog (role, config) {
  const plain = `(${role} pid=${process.pid})`
  const prefix = config.colors ? `\x1b[0;36m${plain}\x1b[0;0m` : plain
  return (level, source, message) => {
    if (config.quiet) return
    const name = config.colors ? `${levelColor[level]}${level}\x1b[0m` : level
    const head = `${prefix} ${name} ${timestamp(new Date())} [${source}] `
    process.stdout.write(message.split('\n').map((line) => `${head}${line}\n`).join(''))
  }
}

/** What uvicorn and the progress bars write: no prefix, stderr. @param {{ quiet: boolean }} config */
export function createStderr (config) {
  return (/** @type {string} */ text) => {
    if (!config.quiet) process.stderr.write(text)
  }
}
