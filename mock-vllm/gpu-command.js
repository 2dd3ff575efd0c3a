import { parseArgs } from './args.js'
import { deviceCount, deviceDirectory, deviceUuid, Gpu } from './gpu.js'

/** What `nvidia-smi --query-gpu` knows of a device here. @type {Record<string, (gpu: Gpu, index: number, dir: string) => string>} */
const fields = {
  index: (_, index) => String(index),
  uuid: (_, index, dir) => deviceUuid(dir, index),
  name: () => 'Mock GPU',
  'memory.used': (gpu) => String(Math.min(gpu.used, gpu.total)),
  'memory.free': (gpu) => String(Math.max(0, gpu.total - gpu.used)),
  'memory.total': (gpu) => String(gpu.total)
}

/** A line for each that holds memory; `start`: what it begins with. @param {Gpu} gpu @param {string} start */
function processes (gpu, start) {
  return gpu.entries().flatMap(({ name, mib, holders: [holder] }) => mib === 0 || holder === undefined ? [] : [`${start}, ${holder.pid}, ${name}, ${mib}`])
}

/**
 * `mock-vllm gpu --gpu DIR [WORDS]` answers as `nvidia-smi WORDS --format=csv,noheader,nounits`, in MiB. WORDS are
 * `--query-gpu=FIELDS`, by default `memory.used,memory.total`, or `--query-compute-apps=gpu_uuid,pid,process_name,used_memory`.
 * With `--processes` a line `process, GPU, pid, name, MiB` follows for each holder.
 * @param {string[]} words
 */
export function printGpu (words) {
  const query = words.find((word) => word.startsWith('--query-gpu='))?.split('=')[1] ?? 'memory.used,memory.total'
  const { gpu: dir, gpuTotal } = parseArgs(words.filter((word) => word !== '--processes').map((word) => word.replace(/^--gpu(?==|$)/, '--mock-gpu')), process.env)
  if (!dir) {
    console.error('mock-vllm gpu: --gpu DIR or MOCK_VLLM_GPU is missing')
    process.exitCode = 2
    return
  }
  const devices = Array.from({ length: deviceCount(dir) }, (_, index) => new Gpu(deviceDirectory(dir, index), gpuTotal))
  const lines = words.some((word) => word.startsWith('--query-compute-apps='))
    ? devices.flatMap((gpu, index) => processes(gpu, deviceUuid(dir, index)))
    : devices.map((gpu, index) => query.split(',').map((field) => fields[field]?.(gpu, index, dir) ?? '[N/A]').join(', '))
  if (words.includes('--processes')) lines.push(...devices.flatMap((gpu, index) => processes(gpu, `process, ${index}`)))
  lines.forEach((line) => console.log(line))
}
