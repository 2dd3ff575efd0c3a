import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GpuClaims } from '../../../../lib/orchestrator/gpus/claims.ts'
import { identityOf, pidRealm } from '../../../../lib/orchestrator/orphans/identity.ts'
import { makeStateDirectory } from '../../../../lib/orchestrator/orphans/state-directory.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'

let base: string
let clock: FakeClock
const open: GpuClaims[] = []

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'llmux-claims-'))
  clock = new FakeClock()
})

afterEach(() => {
  open.splice(0).forEach(claims => claims.close())
  chmodSync(base, 0o700)
  rmSync(base, { recursive: true })
})

function gateway () {
  const errors: Error[] = []
  const claims = new GpuClaims({ clock, bases: [base], onError: error => errors.push(error), onTakenOver: () => { seen.takeovers++ } })
  open.push(claims)
  const seen = { claims, errors, takeovers: 0 }
  return seen
}

const files = () => readdirSync(makeStateDirectory(base))

test('a GPU belongs to the first gateway that claims it, and others are told whose it is', () => {
  const [a, b] = [gateway(), gateway()]
  expect(a.claims.take(['GPU-0'])).toBeUndefined()
  expect(b.claims.take(['GPU-0'])).toEqual({ gpu: 'GPU-0', pid: process.pid })
  expect(b.claims.take(['GPU-1'])).toBeUndefined()
  expect(a.claims.take(['GPU-0']), 'its own claim is no obstacle').toBeUndefined()
})

test('several GPUs are claimed together or not at all', () => {
  const [a, b, c] = [gateway(), gateway(), gateway()]
  a.claims.take(['GPU-1'])
  expect(b.claims.take(['GPU-0', 'GPU-1'])).toEqual({ gpu: 'GPU-1', pid: process.pid })
  expect(c.claims.take(['GPU-0']), 'b has given it back').toBeUndefined()
})

test('who waits for a GPU has it soon after its gateway has closed', async () => {
  const [a, b] = [gateway(), gateway()]
  a.claims.take(['GPU-0'])
  b.claims.take(['GPU-0'])
  a.claims.close()
  await clock.advance(1_500)
  expect(b.takeovers).toBe(1)
  expect(b.claims.take(['GPU-0'])).toBeUndefined()
  b.claims.close()
  expect(files(), 'nothing is left').toEqual([])
})

test('the first to find a GPU free reports the takeover, once', async () => {
  const [a, b] = [gateway(), gateway()]
  a.claims.take(['GPU-0'])
  b.claims.take(['GPU-0'])
  a.claims.close()
  expect(b.claims.take(['GPU-0'])).toBeUndefined()
  expect(b.takeovers, 'before anything is started').toBe(1)
  await clock.advance(10_000)
  expect(b.takeovers).toBe(1)
})

test('two that wait for the same GPUs do not take one each', async () => {
  const [a, b, c] = [gateway(), gateway(), gateway()]
  a.claims.take(['GPU-1'])
  for (const { claims } of [b, c]) claims.take(['GPU-0', 'GPU-1'])
  await clock.advance(1_500)
  expect(files().filter(name => name.startsWith('gpu-GPU-0.')), 'none waits with half of them').toEqual([])
  a.claims.close()
  await clock.advance(1_500)
  expect(b.takeovers + c.takeovers).toBe(1)
})

test('the claim of a process that is gone is void, and its file is removed', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const { pid, startTime } = identityOf(child.pid!)!
  const { namespace, bootId } = pidRealm()!
  writeFileSync(join(makeStateDirectory(base), `gpu-GPU-0.${pid}-${startTime}-1.${namespace.replace(/\W/g, '')}.${bootId}.claim`), '')
  const { claims } = gateway()
  expect(claims.take(['GPU-0'])).toEqual({ gpu: 'GPU-0', pid })
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
  expect(claims.take(['GPU-0'])).toBeUndefined()
  expect(files()).toHaveLength(1)
})

test('the claim of another boot is void, one of another container is left alone', () => {
  const { pid, startTime } = identityOf(process.pid)!
  const { namespace, bootId } = pidRealm()!
  const directory = makeStateDirectory(base)
  const write = (realm: string) => writeFileSync(join(directory, `gpu-GPU-0.${pid}-${startTime}-99.${realm}.claim`), '')
  write(`${namespace.replace(/\W/g, '')}.another-boot`)
  write(`pid1.${bootId}`)
  const { claims } = gateway()
  expect(claims.take(['GPU-0'])).toBeUndefined()
  expect(files().filter(name => name.includes('-99.'))).toEqual([`gpu-GPU-0.${pid}-${startTime}-99.pid1.${bootId}.claim`])
})

test('where no file can be written, models are served all the same, with one warning', () => {
  const { claims, errors } = gateway()
  writeFileSync(join(base, `llmux-state-${process.getuid!()}`), 'in the way')
  expect(claims.take(['GPU-0'])).toBeUndefined()
  expect(claims.take(['GPU-1'])).toBeUndefined()
  expect(errors).toMatchObject([{ code: 'LLMUX_ERR_LEDGER' }])
})
