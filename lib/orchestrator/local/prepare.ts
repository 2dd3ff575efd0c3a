import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { delimiter, isAbsolute, join } from 'node:path'
import type { StartCause } from '../../start-causes.ts'
import type { Address } from '../../engines/index.ts'

export interface Plan {
  /** The program, as it would be started. */
  file: string
  /** Where programs are looked for: the engine's own `PATH`. */
  searchPath: string
  address: Address
  /** What the model is loaded from: a local path or a name on the hub. */
  path: string
}

/** What is in the way of a start. */
export interface Obstacle {
  text: string
  cause: StartCause
}

async function isProgram (path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    // A missing file and a forbidden one have the same effect.
    return false
  }
}

/** Why a program cannot be run; undefined if it can. */
export async function missingProgram (file: string, searchPath: string): Promise<string | undefined> {
  if (file === '') return 'its command is empty'
  if (file.includes('/')) return await isProgram(file) ? undefined : `${file} is not an executable file`
  for (const directory of searchPath.split(delimiter)) {
    if (await isProgram(join(directory, file))) return undefined
  }
  return `the command ${file} is not found in PATH`
}

async function checkPort (port: number): Promise<string | undefined> {
  const server: Server = createServer()
  const error = await new Promise<NodeJS.ErrnoException | undefined>(resolve => {
    server.once('error', resolve)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(undefined))
  })
  if (error !== undefined) return error.code === 'EADDRINUSE' ? `port ${port} is taken` : `port ${port} cannot be used: ${error.message}`
  await new Promise(resolve => server.close(resolve))
  return undefined
}

/** A socket without a listener is left over, and removed before the start. */
async function checkSocket (path: string): Promise<string | undefined> {
  const taken = await new Promise<boolean>(resolve => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  return taken ? `somebody listens on its socket ${path}` : undefined
}

/** A name on the hub looks like a relative path: only what can be nothing else is taken for a path. */
async function checkModelPath (path: string): Promise<string | undefined> {
  if (!isAbsolute(path) && !/^\.\.?\//.test(path)) return undefined
  try {
    await access(path)
    return undefined
  } catch (error) {
    return `its path ${path} cannot be read: ${(error as Error).message}`
  }
}

/** Why an engine could not be started at any time, as things stand; undefined if nothing speaks against it. */
export async function lasting ({ file, searchPath, path }: Omit<Plan, 'address'>): Promise<Obstacle | undefined> {
  return because('command_missing', await missingProgram(file, searchPath)) ?? because('model_missing', await checkModelPath(path))
}

/** Why an engine cannot be started now, as far as it can be known beforehand; undefined if nothing speaks against it. */
export async function obstacle ({ address, ...plan }: Plan): Promise<Obstacle | undefined> {
  return await lasting(plan) ??
    because('port_taken', 'port' in address ? await checkPort(address.port) : await checkSocket(address.socket))
}

function because (cause: StartCause, text: string | undefined): Obstacle | undefined {
  return text === undefined ? undefined : { text, cause }
}
