import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseProcesses, processCommand } from '../../../../lib/orchestrator/memory/gpu-processes.ts'

const mebibyte = 1024 ** 2
const never = new AbortController().signal

describe('who holds GPU memory', () => {
  let directory: string
  let path: string | undefined
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'processes-'))
    path = process.env.PATH
  })
  afterEach(() => {
    process.env.PATH = path
    rmSync(directory, { recursive: true })
  })

  it('is told by lines of a command beside those of GPUs', () => {
    expect(parseProcesses('100, 200\nprocess, 0, 17, /usr/bin/python3, 90\n  process,1,18,a program, with a comma,5\nprocess, 0, 19, n, [N/A]\n')).toEqual([
      { gpu: 0, pid: 17, name: '/usr/bin/python3', bytes: 90 * mebibyte },
      { gpu: 1, pid: 18, name: 'a program, with a comma', bytes: 5 * mebibyte }
    ])
  })

  it('is asked of the command that is given', async () => {
    expect(await processCommand(['/bin/sh', '-c', 'echo 1, 2; echo process, 0, 5, x, 1'])(never)).toEqual([{ gpu: 0, pid: 5, name: 'x', bytes: mebibyte }])
    await expect(processCommand(['/bin/sh', '-c', 'exit 3'])(never)).rejects.toMatchObject({ code: 'LLMUX_ERR_MEMORY_COMMAND' })
  })

  it('is asked of nvidia-smi where none is given, which names GPUs by their UUIDs', async () => {
    writeFileSync(join(directory, 'nvidia-smi'), '#!/bin/sh\ncase "$1" in --query-gpu=uuid) echo GPU-aa; echo GPU-bb ;; *) echo "GPU-bb, 7, python3, 64"; echo "GPU-zz, 8, python3, 64" ;; esac\n', { mode: 0o755 })
    process.env.PATH = `${directory}:${path}`
    const read = processCommand(undefined)
    expect(await read(never)).toEqual([{ gpu: 1, pid: 7, name: 'python3', bytes: 64 * mebibyte }])
    expect(await read(never)).toHaveLength(1)
  })

  it('is not known where nothing tells', async () => {
    expect(await processCommand(undefined, directory)(never)).toBeUndefined()
    expect(await processCommand(false)(never)).toBeUndefined()
  })
})
