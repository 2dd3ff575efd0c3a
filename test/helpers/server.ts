import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LlmuxOptions } from '../../lib/index.ts'
import { until } from './engine-process.ts'
import { plainNode } from './plain-node.ts'

const program = fileURLToPath(new URL('../process/fixtures/server.js', import.meta.url))

export interface ServerEvent {
  url?: string
  engine?: string
  to?: string
  pid?: number
  warning?: string
  message?: string
}

/** A gateway as a process of its own, and in a group of its own. */
export class Server {
  readonly child: ChildProcess
  readonly events: ServerEvent[] = []
  /** All that was ever started for it. */
  readonly groups = new Set<number>()
  readonly exited: Promise<unknown>
  /** The directory for its sockets and files. */
  readonly runtime: string

  constructor (options: LlmuxOptions, runtime: string) {
    this.runtime = runtime
    const [node, ...before] = plainNode
    this.child = spawn(node, [...before, program, JSON.stringify(options)], {
      detached: true,
      env: { ...process.env, XDG_RUNTIME_DIR: runtime, TMPDIR: runtime },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    this.exited = once(this.child, 'exit')
    createInterface(this.child.stdout!).on('line', line => {
      const event: ServerEvent = JSON.parse(line)
      this.events.push(event)
      if (event.pid !== undefined) this.groups.add(event.pid)
    })
  }

  get pid (): number {
    return this.child.pid!
  }

  async url (): Promise<string> {
    return await until('the server listens', () => this.events.find(event => event.url !== undefined)?.url, 60_000)
  }

  /** Posts a chat; resolves with the status and the text. */
  async chat (model: string, more: object = {}): Promise<{ status: number, text: string }> {
    const answer = await fetch(`${await this.url()}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...more })
    })
    return { status: answer.status, text: await answer.text() }
  }

  /** Waits until it has told of it. */
  async saw (what: ServerEvent): Promise<void> {
    const wanted = Object.entries(what)
    await until(`it has told of ${JSON.stringify(what)}`, () => this.events.some(event => wanted.every(([name, value]) => event[name as keyof ServerEvent] === value)), 60_000)
  }

  /** The process that watches over it. */
  watcher (): number | undefined {
    return processes().find(({ argv }) => argv.slice(-2).join(' ') === `llmux-watcher ${this.pid}`)?.pid
  }

  /** Those that end what lives outside its process groups. */
  keepers (): number[] {
    return processes().filter(({ pid, argv }) => argv.includes('llmux-keeper') && parentOf(pid) === this.pid).map(({ pid }) => pid)
  }

  async kill (pid = this.pid): Promise<void> {
    process.kill(pid, 'SIGKILL')
    await this.exited
  }
}

function parentOf (pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
}

/** All processes of this machine that can be looked at. */
export function processes (): Array<{ pid: number, argv: string[] }> {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
    try {
      return [{ pid: Number(name), argv: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1) }]
    } catch {
      return [] // gone since the directory was read
    }
  })
}
