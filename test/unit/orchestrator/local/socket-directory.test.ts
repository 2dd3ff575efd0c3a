import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SocketDirectory } from '../../../../lib/orchestrator/local/socket-directory.ts'

let base: string

beforeEach(() => { base = mkdtempSync(join(tmpdir(), 'b-')) })
afterEach(() => rmSync(base, { recursive: true }))

describe('the directory of the sockets', () => {
  it('is made when the first socket is needed, and removed with all that is in it', () => {
    const sockets = new SocketDirectory([base])
    expect(readdirSync(base)).toEqual([])
    writeFileSync(sockets.pathFor('qwen'), '')
    expect(readdirSync(base)).toHaveLength(1)
    sockets.remove()
    sockets.remove()
    expect(readdirSync(base)).toEqual([])
  })

  it('is nobody else\'s', () => {
    const sockets = new SocketDirectory([base])
    const directory = dirname(sockets.pathFor('qwen'))
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    sockets.remove()
  })

  it('gives each engine a short path of its own, always the same', () => {
    const sockets = new SocketDirectory([base])
    const [qwen, gemma] = ['qwen', 'gemma/'.repeat(100)].map(id => sockets.pathFor(id))
    expect(sockets.pathFor('qwen')).toBe(qwen)
    expect(gemma).not.toBe(qwen)
    expect(gemma!.length).toBe(qwen!.length)
    expect(qwen).toMatch(/\/llmux-\w+\/[0-9a-f]{12}\.sock$/)
    expect(readdirSync(base)).toHaveLength(1)
    sockets.remove()
  })

  it('is another one for another server', () => {
    const [one, two] = [new SocketDirectory([base]), new SocketDirectory([base])]
    expect(one.pathFor('qwen')).not.toBe(two.pathFor('qwen'))
    one.remove()
    two.remove()
  })

  it('is made in the next place where the first cannot be written', () => {
    const sockets = new SocketDirectory([undefined, '', '/no/such/directory', base])
    expect(dirname(dirname(sockets.pathFor('qwen')))).toBe(base)
    sockets.remove()
  })

  it('says where it could not be made', () => {
    const sockets = new SocketDirectory(['/no/such/directory', '/nor/this'])
    expect(() => sockets.pathFor('qwen')).toThrow(/no directory for sockets can be made: .*\/no\/such\/directory.*, .*\/nor\/this/)
    sockets.remove()
  })

  it('refuses a path that is too long, and says what to do', () => {
    const longest = join(base, 'x'.repeat(107 - base.length - '//llmux-123456/123456789012.sock'.length))
    const tooLong = `${longest}x`
    mkdirSync(longest)
    mkdirSync(tooLong)
    const fits = new SocketDirectory([longest])
    expect(Buffer.byteLength(fits.pathFor('qwen'))).toBe(107)
    const sockets = new SocketDirectory([tooLong])
    expect(() => sockets.pathFor('qwen')).toThrow(/longer than 107 bytes.*XDG_RUNTIME_DIR/)
    fits.remove()
    sockets.remove()
    expect(readdirSync(tooLong)).toEqual([])
  })

  it('counts bytes, not characters', () => {
    const directory = join(base, 'ü'.repeat(40))
    mkdirSync(directory)
    const sockets = new SocketDirectory([directory])
    expect(() => sockets.pathFor('qwen')).toThrow(/longer than/)
    sockets.remove()
  })

  it('is made again, as private, if somebody tidied it away', () => {
    const sockets = new SocketDirectory([base])
    const path = sockets.pathFor('qwen')
    rmSync(dirname(path), { recursive: true })
    expect(sockets.pathFor('qwen')).toBe(path)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    sockets.remove()
  })

  it('clears a socket that is left, and one that is not there', () => {
    const sockets = new SocketDirectory([base])
    const path = sockets.pathFor('qwen')
    writeFileSync(path, '')
    sockets.clear(path)
    sockets.clear(path)
    expect(existsSync(path)).toBe(false)
    sockets.remove()
  })

  it('is removed at the end of this process too, and only as long as it is there', () => {
    const before = process.listeners('exit')
    const sockets = new SocketDirectory([base])
    sockets.pathFor('qwen')
    const ours = process.listeners('exit').filter(listener => !before.includes(listener))
    expect(ours).toHaveLength(1)
    ours[0]!(0)
    expect(readdirSync(base)).toEqual([])
    expect(process.listeners('exit')).toEqual(before)
  })

  it('is the user\'s own for sockets, or the one for temporary files', () => {
    const { XDG_RUNTIME_DIR } = process.env
    try {
      process.env.XDG_RUNTIME_DIR = base
      const own = new SocketDirectory()
      expect(dirname(dirname(own.pathFor('qwen')))).toBe(base)
      own.remove()
      delete process.env.XDG_RUNTIME_DIR
      const common = new SocketDirectory()
      expect(dirname(dirname(common.pathFor('qwen')))).toBe(tmpdir())
      common.remove()
    } finally {
      if (XDG_RUNTIME_DIR !== undefined) process.env.XDG_RUNTIME_DIR = XDG_RUNTIME_DIR
    }
  })
})
