#!/usr/bin/env node
// Stands in for podman where there is none: a container is a process group of its own that outlives its client, known by its name in
// a folder. It isolates nothing, and knows `run --rootfs`, `kill`, `ps`, `rm`, `inspect` as the gateway and its tests use them.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

const [folder = '', verb = '', ...args] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
/** @param {string} flag */
const valueOf = flag => args[args.indexOf(flag) + 1] ?? ''
const fileOf = (/** @type {string} */ name) => join(folder, name)
/** @param {string} name */
function pidOf (name) {
  if (!existsSync(fileOf(name))) throw new Error(`no container with name "${name}"`)
  return Number(readFileSync(fileOf(name), 'utf8'))
}
/** @param {string} name @param {string} signal */
function signal (name, signal) {
  process.kill(-pidOf(name), /** @type {NodeJS.Signals} */ (signal))
}
/** Whether somebody of a process group lives: whoever has ended may wait long for the machine's first process to take notice. @param {number} id */
const lives = id => readdirSync('/proc').filter(name => /^\d+$/.test(name)).some(pid => {
  try {
    const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return Number(group) === id && state !== 'Z'
  } catch {
    return false // it has ended meanwhile
  }
})

/** @param {string} name */
const isThere = name => {
  if (!existsSync(fileOf(name))) return false
  if (lives(pidOf(name))) return true
  rmSync(fileOf(name), { force: true })
  return false
}

/** @type {Record<string, () => void>} */
const verbs = {
  run () {
    const name = valueOf('--name')
    const [file = '', ...words] = args.slice(args.indexOf('--rootfs') + 2)
    const child = spawn(file, words, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] })
    writeFileSync(fileOf(name), String(child.pid))
    child.once('exit', (code, signal) => {
      isThere(name)
      process.exitCode = code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)]
    })
  },
  kill: () => signal(args.at(-1) ?? '', valueOf('--signal')),
  ps () {
    const [, pattern = '.'] = valueOf('--filter').split('=')
    for (const name of readdirSync(folder)) if (new RegExp(pattern).test(name) && isThere(name)) console.log(name)
  },
  rm () {
    const name = args.at(-1) ?? ''
    if (!isThere(name)) return
    signal(name, 'SIGKILL')
    // As podman does, it returns when the container is gone.
    const pause = new Int32Array(new SharedArrayBuffer(4))
    while (isThere(name)) Atomics.wait(pause, 0, 0, 20)
  },
  inspect: () => console.log(pidOf(args.at(-1) ?? ''))
}

try {
  verbs[verb]?.()
} catch (error) {
  console.error(String(error))
  process.exitCode = 125
}
