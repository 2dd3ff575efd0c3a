#!/usr/bin/env node
const [command, ...rest] = process.argv.slice(2)

// Each command is imported when it is asked for: an engine starts faster without the code of the others.
if (command === 'serve') {
  const { serve } = await import('./api-server/main.js')
  await serve(rest)
} else if (command === 'gpu') {
  const { printGpu } = await import('./gpu-command.js')
  printGpu(rest)
} else if (command === '--version' || command === '-v') {
  const { parseArgs } = await import('./args.js')
  console.log(parseArgs([], process.env).version)
} else {
  console.error('usage: mock-vllm serve MODEL [flags] | mock-vllm gpu --gpu DIR | mock-vllm --version   (see mock-vllm/README.md)')
  process.exitCode = 2
}
