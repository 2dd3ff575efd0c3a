import { readFileSync } from 'node:fs'
import { family } from '../../example-app/demo/leftovers.js'

/** @typedef {import('../../example-app/demo/leftovers.js').Process} Process */

/** What the kernel calls a process; nothing if it is gone. @param {number} pid */
export function nameOf (pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined // ended meanwhile
  }
}

/** The process of an engine that holds the GPU. @param {number} leader */
export function engineCore (leader) {
  // The kernel keeps 15 characters of `VLLM::EngineCore`.
  const found = family(leader)?.find(({ pid, parent }) => nameOf(pid)?.startsWith('VLLM::EngineCor') || (parent === leader && readArguments(pid)[0]?.startsWith('VLLM::EngineCore')))
  if (found === undefined) throw new Error(`no EngineCore under ${leader}`)
  return found.pid
}

/** @param {number} pid */
export function readArguments (pid) {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
}
