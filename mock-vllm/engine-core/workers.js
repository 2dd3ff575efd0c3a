import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('worker.js', import.meta.url))

/**
 * @param {import('../args.js').Config} config
 * @param {import('../gpu.js').GpuShares | undefined} share
 * @param {(pid: number) => void} onDeath
 */
export function startWorkers (config, share, onDeath) {
  const count = config.workers >= 0 ? config.workers : config.tensorParallel > 1 ? config.tensorParallel : 0
  return Array.from({ length: count }, (_, rank) => {
    const worker = spawn(process.execPath, [program, count > 1 ? `VLLM::Worker_TP${rank}` : 'VLLM::Worker'], { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const pid = worker.pid ?? 0
    share?.addHolder(pid)
    // At a SIGTERM to the whole group a worker may be gone before its engine has seen the signal: an orderly exit gets a moment.
    worker.on('exit', code => code === 0 ? setTimeout(onDeath, 100, pid) : onDeath(pid))
    return worker
  })
}
