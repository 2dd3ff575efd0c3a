import { deviceDirectory, Gpu, GpuShares } from '../gpu.js'

/** @param {number} mib */
const gib = (mib) => (mib / 1024).toFixed(2)

/**
 * vLLM starts only where `--gpu-memory-utilization` of the whole device is free, whatever the model needs.
 * @param {import('../args.js').Config} config
 * @returns {{ share?: import('../gpu.js').GpuShares, mib: number, error?: string }}
 */
export function claimAtStart (config) {
  if (!config.gpu) return { mib: config.memory || 24576 * config.utilization }
  if (config.devices.length < config.tensorParallel) {
    const seen = config.devices.length
    return { mib: 0, error: seen === 0 ? 'RuntimeError: No CUDA GPUs are available' : `ValueError: World size (${config.tensorParallel}) is larger than the number of available GPUs (${seen}) in this node.` }
  }
  const devices = config.devices.slice(0, config.tensorParallel)
  const share = new GpuShares(devices.map((index) => new Gpu(deviceDirectory(config.gpu, index), config.gpuTotal).open(config.name, config.memoryLag)))
  const mib = Math.round(config.memory || share.total * config.utilization)
  const needed = config.memory && !config.utilizationGiven ? mib : Math.round(share.total * config.utilization)
  const free = share.claim(mib, Math.max(needed, mib))
  if (free === undefined) return { share, mib }
  return {
    mib,
    error: `ValueError: Free memory on device cuda:0 (${gib(free)}/${gib(share.total)} GiB) on startup is less than desired GPU memory ` +
      `utilization (${(needed / share.total).toFixed(2)}, ${gib(needed)} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.`
  }
}
