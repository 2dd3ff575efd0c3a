/** The lines of a start that a reader of the log goes by, in vLLM 0.32's words. */

/** @param {import('./log.js').Log} log @param {import('./args.js').Config} config */
export function logApiStart (log, config) {
  log('INFO', 'api_utils.py:347', [
    '',
    '       █     █     █▄   ▄█',
    ` ▄▄ ▄█ █     █     █ ▀▄▀ █  version ${config.version}`,
    `  █▄█▀ █     █     █     █  model   ${config.model}`,
    '   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀',
    ''
  ].join('\n'))
  const given = Object.entries({ model_tag: config.model, ...config.given, ...(config.given['api_key'] && { api_key: '***' }) })
  log('INFO', 'api_utils.py:286', `non-default args: {${given.map(([name, value]) => `'${name}': '${value}'`).join(', ')}}`)
}

/** @param {import('./log.js').Log} log @param {(text: string) => void} stderr @param {import('./args.js').Config} config */
export function logEngineLoading (log, stderr, config) {
  log('INFO', 'core.py:133', `Initializing a V1 LLM engine (v${config.version}) with config: model='${config.model}', tensor_parallel_size=${config.tensorParallel}`)
  log('INFO', 'gpu_model_runner.py:5210', `Starting to load model ${config.model}...`)
  logShards(stderr, 0)
}

const shards = 2

/** The state of a progress bar, which the next one overwrites. @param {(text: string) => void} stderr @param {number} done */
export function logShards (stderr, done) {
  stderr(`\rLoading safetensors checkpoint shards: ${String(done * 100 / shards).padStart(3)}% Completed | ${done}/${shards} [00:00<00:00, 12.40it/s]${done === shards ? '\n\n' : ''}`)
}

/** @param {import('./log.js').Log} log @param {{ mib: number, seconds: number }} sizes */
export function logModelLoaded (log, { mib, seconds }) {
  log('INFO', 'default_loader.py:501', `Loading weights took ${seconds.toFixed(2)} seconds`)
  log('INFO', 'gpu_model_runner.py:5298', `Model loading took ${(mib / 1024).toFixed(2)} GiB memory and ${seconds.toFixed(6)} seconds`)
}

/** @param {import('./log.js').Log} log @param {(text: string) => void} stderr @param {{ mib: number, seconds: number }} sizes */
export function logEngineReady (log, stderr, { mib, seconds }) {
  log('INFO', 'monitor.py:48', `torch.compile took ${seconds.toFixed(2)} s in total`)
  log('INFO', 'kv_cache_utils.py:2327', `GPU KV cache size: ${(mib * 8).toLocaleString('en-US')} tokens`)
  stderr('\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE):   0%|          | 0/2 [00:00<?, ?it/s]\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|██████████| 2/2 [00:00<00:00, 21.12it/s]\n')
  log('INFO', 'gpu_model_runner.py:6210', 'Graph capturing finished in 1 secs, took 0.12 GiB')
  log('INFO', 'core.py:402', `init engine (profile, create kv cache, warmup model) took ${seconds.toFixed(2)} s`)
}

/** @param {import('./log.js').Log} log @param {(text: string) => void} stderr @param {string} address @param {boolean} colors */
export function logListening (log, stderr, address, colors) {
  log('INFO', 'entry.py:140', `Starting vLLM server on ${address}`)
  const info = colors ? '\x1b[32mINFO\x1b[0m:    ' : 'INFO:    '
  stderr(`${info} Started server process [${process.pid}]\n${info} Waiting for application startup.\n${info} Application startup complete.\n`)
}
