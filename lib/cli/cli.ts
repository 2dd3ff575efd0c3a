import { createRequire } from 'node:module'
import { ConfigError, OptionsError } from '../errors.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { readConfig } from './config/read.ts'
import { help } from './help.ts'
import { optionsText } from './print-options.ts'
import { serve } from './serve.ts'
import { UsageError } from './usage.ts'
import { runValidate } from './validate.ts'

/** 0: well. 1: it failed, or a level is broken. 2: the command line or the file is wrong. */
export async function run (argv: string[]): Promise<number> {
  try {
    return await dispatch(readArguments(argv))
  } catch (error) {
    const { message } = error as Error
    console.error(`fastify-llmux: ${message.split('\n', 1)[0]}`)
    if (error instanceof UsageError) console.error('fastify-llmux --help says more')
    return error instanceof UsageError || error instanceof ConfigError || error instanceof OptionsError ? 2 : 1
  }
}

async function dispatch (args: Arguments): Promise<number> {
  switch (args.command) {
    case 'help':
      process.stdout.write(help)
      return 0
    case 'version':
      console.log(version())
      return 0
    case 'print-options':
      process.stdout.write(optionsText(await readConfig(args.config), args.config))
      return 0
    case 'serve':
      return await serve(args)
    case 'validate':
      return await runValidate(args)
    case 'simulate':
      return await simulate()
  }
}

/** A program of its own, which reads the command line itself: only the word that led here is in its way. */
async function simulate (): Promise<number> {
  process.argv.splice(2, 1)
  await import('../simulator/command.ts')
  return Number(process.exitCode ?? 0)
}

/** By its own name: from the sources and from `dist` the file is at different distances. */
function version (): string {
  return createRequire(import.meta.url)('fastify-llmux/package.json').version
}
