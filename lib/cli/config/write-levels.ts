import { readFile, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { ConfigError } from '../../errors.ts'
import type { SleepLevel } from '../../options/types.ts'
import type { Shape } from './config.ts'
import { formatOf, parse, yamlDocument } from './parse.ts'
import { shapeOf } from './shape.ts'

type Levels = ReadonlyMap<string, SleepLevel>
type Setting = [field: string, value: unknown]

const evictions: Record<SleepLevel, object> = {
  1: { weights: 'offload', process: 'keep_running' },
  2: { weights: 'discard', process: 'keep_running' },
  3: { weights: 'retain', process: 'stop' }
}

/** In the tool's own words. */
function setting (shape: Shape, level: SleepLevel): Setting {
  if (shape === 'llmux 0.9') return ['eviction', evictions[level]]
  return [shape === 'llmux 0.3' ? 'sleep_level' : 'sleepLevel', level]
}

/** A model whose level is `auto` keeps it: what it is to know is whether level 2 is safe. */
function isAuto (content: unknown, shape: Shape, model: string): boolean {
  const { models } = content as { models?: Record<string, { sleepLevel?: unknown } | null> }
  return shape === 'fastify-llmux' && models?.[model]?.sleepLevel === 'auto'
}

/** The text with the levels in it, and all else as it was: of YAML also the comments, of JSON the indentation. */
export function withLevels (text: string, file: string, levels: Levels, level2Safe: ReadonlyMap<string, boolean> = new Map()): string {
  const content = parse(text, file)
  const shape = shapeOf(content)
  if (shape === 'llama-swap') throw new ConfigError(file, 'has the fields of llama-swap, which has no levels: every model is stopped and started')
  const edits = [...levels].flatMap(([model, level]): Edit[] => {
    if (!isAuto(content, shape, model)) return [[model, ...setting(shape, level)]]
    const safe = level2Safe.get(model)
    return safe === undefined ? [] : [[model, 'level2Safe', safe]]
  })
  return formatOf(file) === 'yaml' ? inYaml(text, file, edits) : inJson(text, edits)
}

type Edit = readonly [model: string, ...Setting]

function inYaml (text: string, file: string, edits: Edit[]): string {
  const document = yamlDocument(text, file)
  for (const [model, field, value] of edits) {
    try {
      document.setIn(['models', model, field], typeof value === 'object' ? document.createNode(value) : value)
    } catch {
      // A model that is an alias of another has no place of its own to write to.
      throw new ConfigError(file, `models.${model} is an alias: ${field} cannot be written there. Put ${field}: ${JSON.stringify(value)} by hand`)
    }
  }
  // Lists in brackets as they were written, as far as the library allows.
  return document.toString({ lineWidth: 0, flowCollectionPadding: /[[{] /.test(text) })
}

function inJson (text: string, edits: Edit[]): string {
  const content = JSON.parse(text) as { models: Record<string, Record<string, unknown>> }
  for (const [model, field, value] of edits) content.models[model]![field] = value
  const [, indentation = ''] = /^[{[]\r?\n([ \t]+)/.exec(text.trimStart()) ?? []
  return JSON.stringify(content, undefined, indentation) + (/\n$/.exec(text)?.[0] ?? '')
}

/** Writes beside the file and then over it, so that nobody reads half of it. */
export async function writeLevels (file: string, levels: Levels, level2Safe?: ReadonlyMap<string, boolean>): Promise<void> {
  if (levels.size === 0) return
  // The file itself, if the given path is a link.
  const target = await realpath(file)
  const text = await readFile(target, 'utf8')
  const draft = `${target}.${process.pid}.tmp`
  await writeFile(draft, withLevels(text, file, levels, level2Safe), { mode: (await stat(target)).mode })
  await rename(draft, target)
}
