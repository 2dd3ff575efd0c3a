/** One tensor-parallel worker: holds its part of the GPU for as long as EngineCore lives. */
process.title = process.argv[2] ?? 'VLLM::Worker'
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => setTimeout(() => process.exit(0), 50))
process.send?.('ready')
