import { parseArgs } from './args.js'
import { Gpu } from './gpu.js'

/**
 * `mock-vllm gpu --gpu DIR` answers as `nvidia-smi --query-gpu=memory.used,memory.total --format=csv,noheader,nounits`: MiB.
 * @param {string[]} words
 */
export function printGpu (words) {
  const { gpu, gpuTotal } = parseArgs(words.map((word) => word.replace(/^--gpu/, '--mock-gpu')), process.env)
  if (!gpu) {
    console.error('mock-vllm gpu: --gpu DIR or MOCK_VLLM_GPU is missing')
    process.exitCode = 2
    return
  }
  const device = new Gpu(gpu, gpuTotal)
  console.log(`${Math.min(device.used, device.total)}, ${device.total}`)
}
