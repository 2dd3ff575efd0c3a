import { existsSync } from 'node:fs'
import { MemoryCommandError } from '../../errors.ts'
import type { Gpu, Machine } from '../../options/gpus.ts'
import { missingProgram } from '../local/prepare.ts'

const query = ['--query-gpu=index,uuid,name,memory.total', '--format=csv,noheader,nounits']

/** A driver that is not kept loaded takes seconds for its first answer; Fastify waits ten for a plugin. Milliseconds. */
const limit = 5_000

const mebibyte = 1024 ** 2

export interface MachineLook {
  env?: NodeJS.ProcessEnv
  /** A look that has failed. */
  warn: (error: Error) => void
}

/**
 * What this machine's GPUs are, asked of `nvidia-smi` once. Nothing is known of them where there is none, or where it
 * fails, which is a warning: engines are told where to live all the same.
 */
export async function lookAtMachine ({ env = process.env, warn }: MachineLook): Promise<Machine> {
  const hasNvidiaSmi = await missingProgram('nvidia-smi', env.PATH ?? '') === undefined
  const variable = !hasNvidiaSmi && existsSync('/dev/kfd') ? 'HIP_VISIBLE_DEVICES' : 'CUDA_VISIBLE_DEVICES'
  const visible = env[variable]?.split(',').map(name => name.trim()).filter(name => name !== '')
  const gpus = !hasNvidiaSmi
    ? undefined
    : await ask(env).catch((error: Error) => {
      warn(new MemoryCommandError(`GPUs cannot be listed, so nobody looks whether those in gpus are there: ${error.message}`, { cause: error }))
      return undefined
    })
  return { gpus, variable, visible }
}

async function ask (env: NodeJS.ProcessEnv): Promise<Gpu[]> {
  const gpus = parseGpus(await nvidiaSmi(query, env))
  // MIG devices are in the list for people only.
  return gpus.concat(parseMig(await nvidiaSmi(['-L'], env), gpus.length))
}

async function nvidiaSmi (args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  // Loaded when it is needed: it takes a tenth of what a gateway takes to start.
  const { execa } = await import('execa')
  const { stdout } = await execa('nvidia-smi', args, { env, extendEnv: false, stdin: 'ignore', timeout: limit, killSignal: 'SIGKILL', maxBuffer: 100_000 })
  return stdout
}

/** Where a driver does not know a number it writes `[N/A]`. */
export function parseGpus (text: string): Gpu[] {
  return text.split('\n').filter(line => /^\d+,/.test(line)).map(line => {
    const [index = '', uuid = '', name = '', total = ''] = line.split(', ').map(field => field.trim())
    const bytes = Number.parseFloat(total) * mebibyte
    return { index: Number(index), uuid, name, total: bytes > 0 ? bytes : undefined }
  })
}

/** `  MIG 1g.10gb     Device  0: (UUID: MIG-…)` */
export function parseMig (text: string, firstIndex: number): Gpu[] {
  return [...text.matchAll(/^\s+MIG (\S+).*\(UUID: (MIG-[^)]+)\)/gm)]
    .map(([, name = '', uuid = ''], position) => ({ index: firstIndex + position, uuid, name: `MIG ${name}`, total: undefined }))
}
