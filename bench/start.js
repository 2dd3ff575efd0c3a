import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './helpers/programs.js'
import { median, round } from './helpers/statistics.js'

const bin = fileURLToPath(new URL('../dist/bundle/cli/bin.js', import.meta.url))
const bare = fileURLToPath(new URL('./helpers/bare-server.js', import.meta.url))

/** Milliseconds after it listens, when what a start leaves behind has been collected or kept. */
const settled = 1_500

/**
 * How long the command line takes until it ends or listens, beside an empty Node and a bare Fastify, and the memory of a
 * server that has not been asked anything.
 * @param {import('./run.js').Options} options
 */
export async function start ({ quick }) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  const config = join(directory, 'llmux.yaml')
  writeFileSync(config, 'models:\n  small: { path: org/small }\n  large: { path: org/large }\n')
  /** @type {Array<[string, () => Promise<{ ms: number, MiB?: number }>]>} */
  const variants = [
    ['an empty Node', () => ended(['-e', ''])],
    ['fastify-llmux --help', () => ended([bin, '--help'])],
    ['bare Fastify, until it listens', () => listening(port => [bare, port])],
    ['fastify-llmux serve, until it listens', () => listening(port => [bin, 'serve', '--config', config, '--port', port])]
  ]
  /** @type {Array<{ ms: number[], MiB: number[] }>} */
  const samples = variants.map(() => ({ ms: [], MiB: [] }))
  try {
    for (let turn = 0; turn < (quick ? 1 : 9); turn++) {
      for (const [index, [, play]] of variants.entries()) {
        const { ms, MiB } = await play()
        samples[index]?.ms.push(ms)
        if (MiB !== undefined) samples[index]?.MiB.push(MiB)
      }
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  return variants.map(([start], index) => {
    const { ms = [], MiB = [] } = samples[index] ?? {}
    return { start, ms: round(median(ms)), 'resident MiB': MiB.length === 0 ? '' : round(median(MiB)) }
  })
}

/** @param {string[]} args */
async function ended (args) {
  const begin = performance.now()
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return { ms: performance.now() - begin }
}

/** @param {(port: string) => string[]} args */
async function listening (args) {
  const port = await freePort()
  const begin = performance.now()
  const child = spawn(process.execPath, args(String(port)), { stdio: 'ignore' })
  try {
    while (!await accepts(port)) {
      if (child.exitCode !== null) throw new Error(`${args(String(port)).join(' ')} ended with ${child.exitCode}`)
      await delay(5)
    }
    const ms = performance.now() - begin
    await delay(settled)
    return { ms, MiB: residentMiB(child.pid) }
  } finally {
    child.kill('SIGKILL')
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts (port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** @param {number | undefined} pid */
function residentMiB (pid) {
  const [, kiB] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kiB) / 1024
}
