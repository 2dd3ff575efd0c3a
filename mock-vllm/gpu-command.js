import { parseArgs } from './args.js'
import { Gpu } from './gpu.js'

/**
 * `mock-vllm gpu --gpu DIR` answers as `nvidia-smi --query-gpu=memory.used,memory.total --format=csv,noheader,nounits`: MiB.
 * With `--processes` a line `process, GPU, pid, name, MiB` follows for each holder.
 * @param {string[]} words
 */
export function printGpu (words) {
  const { gpu, gpuTotal } = parseArgs(words.filter((word) => word !== '--processes').map((word) => word.replace(/^--gpu/, '--mock-gpu')), process.env)
  if (!gpu) {
    console.error('mock-vllm gpu: --gpu DIR or MOCK_VLLM_GPU is missing')
    process.exitCode = 2
    return
  }
  const device = new Gpu(gpu, gpuTotal)
  console.log(`${Math.min(device.used, device.total)}, ${device.total}`)
  if (!words.includes('--processes')) return
  for (const { holders, name, mib } of device.entries()) {
    const [holder] = holders
    if (holder !== undefined && mib > 0) console.log(`process, 0, ${holder.pid}, ${name}, ${mib}`)
  }
}
