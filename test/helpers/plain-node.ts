import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/**
 * argv of Node as users run it. tap puts loaders into NODE_OPTIONS of all that its tests spawn; they are slow, and listen
 * for signals.
 */
export const plainNode: readonly [string, ...string[]] = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath]

/** Our environment without what npm adds for its scripts. */
export const plainEnv: NodeJS.ProcessEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))

export interface ServerProcess {
  pid: number
  /** http://host:port */
  url: string
  /** What it has written to both streams so far. */
  lines: string[]
  /** Sends a signal; resolves with how the process has ended. */
  stop (signal?: NodeJS.Signals): Promise<{ code: number | null, signal: NodeJS.Signals | null }>
}

/** Runs a program that is a Fastify server with a logger. Resolves when it listens. */
export async function startServer (args: string[], { cwd, env }: { cwd?: string, env?: NodeJS.ProcessEnv } = {}): Promise<ServerProcess> {
  const [command, ...before] = plainNode
  const child = spawn(command, [...before, ...args], { cwd, env: { ...plainEnv, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const lines: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', line => {
        lines.push(line)
        const [, url] = /Server listening at (http:\/\/127[\w.:]+)/.exec(line) ?? []
        if (url !== undefined) resolve(url)
      })
    }
    ended.then(() => reject(new Error(`it has ended before it listened:\n${lines.join('\n')}`)), reject)
  })
  return {
    pid: child.pid as number,
    url,
    lines,
    stop (signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    }
  }
}
