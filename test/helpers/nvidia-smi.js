import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Puts a `nvidia-smi` of simulated GPUs into a directory, and returns where it is. @param {string} directory @param {readonly string[]} command */
export function makeNvidiaSmi (directory, command) {
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\nexec ${command.map(word => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(join(bin, 'nvidia-smi'), 0o755)
  return bin
}
