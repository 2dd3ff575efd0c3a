import { readFile } from 'node:fs/promises'
import { ConfigError, OptionsError } from '../../errors.ts'
import { resolveOptions } from '../../options/index.ts'
import type { Config, Shape } from './config.ts'
import { readLlamaSwap } from './llama-swap.ts'
import { readLlmux } from './llmux.ts'
import { readOwn } from './own.ts'
import { parse } from './parse.ts'
import { shapeOf } from './shape.ts'

/** What a file says, in the plugin's own words, and checked as the plugin checks it. */
export function readConfigText (text: string, file: string): Config {
  const content = parse(text, file)
  const shape = shapeOf(content)
  try {
    const config = readShape(content, shape)
    resolveOptions(config.options)
    return config
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error
    throw new ConfigError(file, error.message.replace(/^llmux: option /, ''), { cause: error })
  }
}

function readShape (content: unknown, shape: Shape): Config {
  switch (shape) {
    case 'fastify-llmux': return readOwn(content)
    case 'llama-swap': return readLlamaSwap(content)
    case 'llmux 2': throw new OptionsError('models', 'are those of llmux 2, whose engines are started, put to sleep and woken by scripts of its user: they cannot be read. Write engine and command for each (docs/engines.md)')
    default: return readLlmux(content, shape)
  }
}

/** @throws {ConfigError} if it cannot be read, or something in it is wrong. */
export async function readConfig (file: string): Promise<Config> {
  let text
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(file, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
  }
  return readConfigText(text, file)
}
