import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { obstacle } from '../../../../lib/orchestrator/local/prepare.ts'

let directory: string
let server: Server
let taken: number
let free: number

const listen = (options: object) => new Promise<Server>(resolve => {
  const server = createServer()
  server.listen(options, () => resolve(server))
})
const portOf = (server: Server) => (server.address() as AddressInfo).port
const close = (server: Server) => new Promise(resolve => server.close(resolve))

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'llmux-test-'))
  mkdirSync(join(directory, 'bin'))
  mkdirSync(join(directory, 'bin', 'folder'))
  writeFileSync(join(directory, 'bin', 'vllm'), '')
  writeFileSync(join(directory, 'bin', 'text'), '')
  chmodSync(join(directory, 'bin', 'vllm'), 0o755)
  server = await listen({ port: 0, host: '127.0.0.1' })
  taken = portOf(server)
  const other = await listen({ port: 0, host: '127.0.0.1' })
  free = portOf(other)
  await close(other)
})

afterAll(async () => {
  await close(server)
  rmSync(directory, { recursive: true })
})

const plan = (changes: Partial<Parameters<typeof obstacle>[0]> = {}) => ({
  file: 'vllm',
  searchPath: `/no/such/directory:${join(directory, 'bin')}`,
  address: { port: free },
  path: 'Qwen/Qwen3-14B',
  ...changes
})

describe('before a start', () => {
  it('nothing speaks against a program in PATH, a free port and a name on the hub', async () => {
    expect(await obstacle(plan())).toBeUndefined()
  })

  it('the port is left as free as it was', async () => {
    await obstacle(plan())
    await close(await listen({ port: free, host: '127.0.0.1' }))
  })

  it.each(['vllm', 'text', 'folder'])('a program is looked for in no other PATH, and must be an executable file: %s', async file => {
    expect(await obstacle(plan({ file, searchPath: file === 'vllm' ? '/no/such/directory' : join(directory, 'bin') }))).toEqual({ cause: 'command_missing', text: `the command ${file} is not found in PATH` })
  })

  it('a program with a slash is not looked for', async () => {
    expect(await obstacle(plan({ file: join(directory, 'bin', 'vllm'), searchPath: '' }))).toBeUndefined()
    for (const name of ['text', 'folder', 'missing']) {
      const file = join(directory, 'bin', name)
      expect(await obstacle(plan({ file }))).toEqual({ cause: 'command_missing', text: `${file} is not an executable file` })
    }
  })

  it('there must be a program', async () => {
    expect(await obstacle(plan({ file: '' }))).toEqual({ cause: 'command_missing', text: 'its command is empty' })
  })

  it('a taken port is seen', async () => {
    expect(await obstacle(plan({ address: { port: taken } }))).toEqual({ cause: 'port_taken', text: `port ${taken} is taken` })
  })

  it('a port taken on all interfaces is seen', async () => {
    const server = await listen({ port: 0, host: '0.0.0.0' })
    expect(await obstacle(plan({ address: { port: portOf(server) } }))).toMatchObject({ cause: 'port_taken', text: expect.stringContaining('is taken') })
    await close(server)
  })

  it('a port that cannot be used is seen', async () => {
    await expect(obstacle(plan({ address: { port: 70_000 } }))).rejects.toThrow(/70000/)
  })

  it('a socket in use is seen, one that is left over or not there does not matter', async () => {
    const socket = join(directory, 'x.sock')
    expect(await obstacle(plan({ address: { socket } }))).toBeUndefined()
    const server = await listen({ path: socket })
    expect(await obstacle(plan({ address: { socket } }))).toEqual({ cause: 'port_taken', text: `somebody listens on its socket ${socket}` })
    await close(server)
    writeFileSync(socket, '')
    expect(await obstacle(plan({ address: { socket } }))).toBeUndefined()
  })

  it.each(['/no/such/model', './no-such-model', '../no-such-model'])('a local model must be there: %s', async path => {
    expect(await obstacle(plan({ path }))).toEqual({ cause: 'model_missing', text: expect.stringMatching(new RegExp(`^its path ${path} cannot be read: ENOENT`)) })
  })

  it('a local model that is there does not matter, nor does a name on the hub that looks a little like a path', async () => {
    for (const path of [directory, './package.json', '../', 'org/..model', 'a./b', '.hidden/model', '...']) {
      expect(await obstacle(plan({ path }))).toBeUndefined()
    }
  })
})
