import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryCommand } from '../../../../lib/orchestrator/memory/memory-command.ts'
import { until } from '../../../helpers/engine-process.ts'

const mebibyte = 1024 ** 2
const shell = (script: string) => ['/bin/sh', '-c', script]
const never = new AbortController().signal

let directory: string
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'memory-')) })
afterEach(() => { rmSync(directory, { recursive: true }) })

describe('the memory command', () => {
  it('is run, and what it prints is read', async () => {
    expect(await memoryCommand(shell('echo 3, 4; echo 5, 6'))(never)).toEqual([
      { used: 3 * mebibyte, total: 4 * mebibyte }, { used: 5 * mebibyte, total: 6 * mebibyte }
    ])
  })

  it('is nvidia-smi where none is given', async () => {
    const program = join(directory, 'nvidia-smi')
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${directory}/arguments\necho 1, 2\n`)
    chmodSync(program, 0o755)
    const path = process.env.PATH
    process.env.PATH = `${directory}:${path}`
    try {
      expect(await memoryCommand(undefined)(never)).toEqual([{ used: mebibyte, total: 2 * mebibyte }])
    } finally {
      process.env.PATH = path
    }
    expect(readFileSync(join(directory, 'arguments'), 'utf8')).toBe('--query-gpu=memory.used,memory.total --format=csv,noheader,nounits\n')
  })

  it('is none where there is no nvidia-smi, and it is looked for once', async () => {
    const read = memoryCommand(undefined, directory)
    expect(await read(never)).toBeUndefined()
    writeFileSync(join(directory, 'nvidia-smi'), '#!/bin/sh\necho 1, 2\n', { mode: 0o755 })
    expect(await read(never)).toBeUndefined()
  })

  it('is none where it is switched off', async () => {
    expect(await memoryCommand(false)(never)).toBeUndefined()
  })

  it.each([
    [['/no/such/program'], /ENOENT/],
    [shell('echo the driver is not loaded >&2; exit 9'), /exit code 9.*the driver is not loaded/s],
    [shell('echo hello'), /hello/],
    [shell('echo "[N/A], 5"'), /N\/A/],
    [shell('exit 0'), /printed no line/],
    [shell('yes 1, 2'), /maxBuffer/]
  ])('that fails says why: %j', async (command, message) => {
    await expect(memoryCommand(command)(never)).rejects.toMatchObject({ code: 'LLMUX_ERR_MEMORY_COMMAND', message: expect.stringMatching(message) })
  })

  it('runs once at a time', async () => {
    const script = `mkdir ${directory}/busy || exit 7; sleep 0.05; rmdir ${directory}/busy; echo 1, 2`
    const read = memoryCommand(shell(script))
    const all = await Promise.all([read(never), read(never), read(never)])
    expect(all).toEqual(Array(3).fill([{ used: mebibyte, total: 2 * mebibyte }]))
  })

  it('is ended when nobody wants to know any more, and the next one runs', async () => {
    const read = memoryCommand(shell(`[ -e ${directory}/pid ] && echo 1, 2 && exit; echo $$ > ${directory}/pid; exec sleep 60`))
    const controller = new AbortController()
    const hanging = read(controller.signal)
    const pid = await until('it runs', () => existsSync(join(directory, 'pid')) && Number(readFileSync(join(directory, 'pid'), 'utf8')))
    const next = read(never)
    controller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    expect(await next).toHaveLength(1)
    expect(() => process.kill(pid as number, 0)).toThrow('ESRCH')
  })

  it('does not run for callers that have given up', async () => {
    const read = memoryCommand(shell(`echo x >> ${directory}/runs; echo 1, 2`))
    const controller = new AbortController()
    const first = read(never)
    const second = read(controller.signal)
    controller.abort(new Error('enough'))
    await first
    await expect(second).rejects.toThrow('enough')
    expect(readFileSync(join(directory, 'runs'), 'utf8')).toBe('x\n')
  })
})
