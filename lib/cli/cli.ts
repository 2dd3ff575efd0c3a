import { createRequire } from 'node:module'
import { readArguments, type Arguments, UsageError } from './arguments.ts'

/** 0: success. 1: it failed, or a level is broken. 2: the command line or the file is wrong. */
export async function run (argv: string[]): Promise<number> {
  try {
    return await dispatch(readArguments(argv))
  } catch (error) {
    const { message } = error as Error
    console.error(`fastify-llmux: ${message.split('\n', 1)[0]}`)
    if (error instanceof UsageError) console.error('fastify-llmux --help says more')
    return error instanceof UsageError || await isOfConfig(error) ? 2 : 1
  }
}

async function isOfConfig (error: unknown): Promise<boolean> {
  const { ConfigError, OptionsError } = await import('../errors.ts')
  return error instanceof ConfigError || error instanceof OptionsError
}

// Each command loads only what it needs: help must not wait for a web server.

async function dispatch (args: Arguments): Promise<number> {
  switch (args.command) {
    case 'help':
      process.stdout.write((await import('./help.ts')).help)
      return 0
    case 'version':
      console.log(version())
      return 0
    case 'print-options':
      return await printOptions(args.config)
    case 'serve':
      return await (await import('./serve.ts')).serve(args)
    case 'validate':
      return await (await import('./validate.ts')).runValidate(args)
    case 'simulate':
      return await simulate()
  }
}

async function printOptions (file: string): Promise<number> {
  const { readConfig } = await import('./config/read.ts')
  const { optionsText } = await import('./print-options.ts')
  process.stdout.write(optionsText(await readConfig(file), file))
  return 0
}

/** A program of its own, which parses the command line itself without this word. */
async function simulate (): Promise<number> {
  process.argv.splice(2, 1)
  await import('../simulator/command.ts')
  return Number(process.exitCode ?? 0)
}

/** By package name: the relative path differs between the sources and `dist`. */
function version (): string {
  return createRequire(import.meta.url)('fastify-llmux/package.json').version
}
