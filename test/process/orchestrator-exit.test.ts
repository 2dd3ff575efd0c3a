import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { groupMembers, until } from '../helpers/engine-process.ts'

// Much of it is real processes starting, and the machine may be busy.
t.setTimeout(180_000)

const engine = fileURLToPath(new URL('./fixtures/engine.js', import.meta.url))
const gateway = fileURLToPath(new URL('./fixtures/gateway.ts', import.meta.url))

for (const way of ['exit', 'uncaught error']) {
  t.test(`no engine outlives a gateway that ends by ${way}`, async t => {
    const directory = mkdtempSync(join(tmpdir(), 'llmux-test-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const child = spawn(process.execPath, [...process.execArgv, gateway, engine, way], {
      env: { ...process.env, XDG_RUNTIME_DIR: directory },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    const { groups } = JSON.parse(stdout) as { groups: number[] }
    t.equal(groups.length, 2)
    t.equal(stderr.includes('nobody catches this'), way !== 'exit')
    for (const group of groups) await until('nobody of the group is left', () => groupMembers(group).length === 0)
    t.same(readdirSync(directory), [], 'no socket is left')
  })
}
