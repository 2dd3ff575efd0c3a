import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plainEnv, plainNode } from './plain-node.ts'

export const bin = fileURLToPath(new URL('../../dist/bundle/cli/bin.js', import.meta.url))

const home = mkdtempSync(join(tmpdir(), 'llmux-cli-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

/** Writes a file of this test's own; returns its path. */
export function file (name: string, content: unknown): string {
  const path = join(home, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2))
  return path
}

async function read (stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** Runs the command line to its end; `flags` are Node's. */
export async function cli (args: string[], flags: string[] = []): Promise<{ stdout: string, stderr: string, code: number }> {
  const [command, ...before] = plainNode
  const child = spawn(command, [...before, ...flags, bin, ...args], { env: plainEnv, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'exit')])
  return { stdout, stderr, code }
}
