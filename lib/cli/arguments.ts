import { parseArgs } from 'node:util'
import type { SleepLevel } from '../options/types.ts'

/** The command line is wrong. */
export class UsageError extends Error {}

/** A whole number in a range. */
function wholeNumber (flag: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value
  throw new UsageError(`${flag} must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(text)}`)
}

const options = {
  config: { type: 'string', short: 'c' },
  port: { type: 'string' },
  host: { type: 'string' },
  demo: { type: 'boolean' },
  model: { type: 'string', multiple: true },
  level: { type: 'string' },
  cycles: { type: 'string' },
  share: { type: 'string' },
  json: { type: 'string' },
  write: { type: 'boolean' },
  'print-options': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

/** The flags of each command, without the flags that all commands accept. */
const flagsOf = {
  serve: ['port', 'host', 'demo'],
  validate: ['model', 'level', 'cycles', 'share', 'json', 'write']
} satisfies Record<string, Array<keyof typeof options>>

const commands = [...Object.keys(flagsOf), 'simulate']
const common = ['config', 'print-options', 'help', 'version']

export interface ServeArguments {
  command: 'serve'
  /** Undefined: the demo. */
  config: string | undefined
  port: number | undefined
  host: string | undefined
}

export interface ValidateArguments {
  command: 'validate'
  config: string
  models: string[] | undefined
  levels: SleepLevel[] | undefined
  cycles: number | undefined
  /** From 0 to 1. */
  share: number | undefined
  json: string | undefined
  write: boolean
}

export type Arguments = { command: 'help' | 'version' | 'simulate' } | { command: 'print-options', config: string } | ServeArguments | ValidateArguments

type Values = ReturnType<typeof parse>['values']

function parse (argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true })
  } catch (error) {
    // The first sentence says what is wrong; the rest explains how to write a positional that starts with a dash.
    throw new UsageError((error as Error).message.split(/\. |\n/, 1)[0])
  }
}

/** @throws {UsageError} */
export function readArguments (argv: string[]): Arguments {
  // It has flags of its own, and parses them.
  if (argv[0] === 'simulate') return { command: 'simulate' }
  const { values, positionals: [command, ...rest] } = parse(argv)
  if (values.help === true || argv.length === 0) return { command: 'help' }
  if (values.version === true) return { command: 'version' }
  if (command !== undefined && !Object.hasOwn(flagsOf, command)) throw new UsageError(`unknown command ${JSON.stringify(command)}: use one of ${commands.join(', ')}`)
  if (rest.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(rest[0])}: name a file with --config`)
  const name = command as keyof typeof flagsOf | undefined
  if (name === undefined && values['print-options'] !== true) throw new UsageError(`no command: use one of ${commands.join(', ')}`)
  refuseOthers(name, values)
  const { config, demo = false } = values
  if (demo) return forDemo(values)
  if (config === undefined) throw new UsageError('--config FILE is missing')
  if (values['print-options'] === true || name === undefined) return { command: 'print-options', config }
  return name === 'serve' ? forServe(config, values) : forValidate(config, values)
}

function refuseOthers (command: keyof typeof flagsOf | undefined, values: Values): void {
  const known: string[] = [...common, ...command === undefined ? [] : flagsOf[command]]
  const other = Object.keys(values).find(flag => !known.includes(flag))
  if (other !== undefined) throw new UsageError(`--${other} is not for ${command ?? '--print-options'}`)
}

function forDemo (values: Values): ServeArguments {
  if (values.config !== undefined) throw new UsageError('--demo has its own models: leave --config out')
  return forServe(undefined, values)
}

function forServe (config: string | undefined, { port, host }: Values): ServeArguments {
  return { command: 'serve', config, port: port === undefined ? undefined : wholeNumber('--port', port, 0, 65_535), host }
}

function forValidate (config: string, { model, level, cycles, share, json, write = false }: Values): ValidateArguments {
  const levels = level?.split(',').map(text => wholeNumber('--level', text.trim(), 1, 3) as SleepLevel)
  return {
    command: 'validate',
    config,
    models: model,
    levels: levels && [...new Set(levels)],
    cycles: cycles === undefined ? undefined : wholeNumber('--cycles', cycles, 1, 1_000),
    share: share === undefined ? undefined : wholeNumber('--share', share, 0, 100) / 100,
    json,
    write
  }
}
