import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where something of one user's may be kept until the machine is shut down. The first may be missing in another session of the same user. */
export function runtimeBases (): string[] {
  return [process.env.XDG_RUNTIME_DIR, tmpdir()].filter(base => base !== undefined && base !== '') as string[]
}

/** The same for all gateways of one user, so that each finds what another has left. */
export function stateDirectory (base: string): string {
  return join(base, `llmux-state-${process.getuid?.() ?? 0}`)
}

/** Whether nobody else can have put anything there. */
export function isOurs (directory: string): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  return stats !== undefined && stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0
}

/**
 * The state directory in the first of these bases that will do. An empty one may have been tidied away meanwhile.
 *
 * @throws {AggregateError}
 */
export function firstStateDirectory (bases: string[]): string {
  const errors: Error[] = []
  for (const base of bases) {
    try {
      return makeStateDirectory(base)
    } catch (error) {
      errors.push(error as Error)
    }
  }
  throw new AggregateError(errors, errors.map(({ message }) => message).join(', '))
}

/** Makes sure of it. @throws if it cannot be made, or is somebody else's */
export function makeStateDirectory (base: string): string {
  const directory = stateDirectory(base)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (!isOurs(directory)) throw new Error(`${directory} is not ours alone`)
  return directory
}
