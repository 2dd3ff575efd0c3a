import type { ModelOptions } from '../../options/types.ts'
import type { Note } from './config.ts'
import type { Fields } from './fields.ts'

type Taken = Required<Pick<ModelOptions, 'args' | 'aliases' | 'env'>>

const flagPattern = /^--[\w-]+/

/** Flags that llmux left to its users, and that are options here: how many values each may have. */
const ownFlags: Record<string, { values: 0 | 1 | 'many', text: string }> = {
  '--enable-sleep-mode': { values: 0, text: 'is not needed: engines are started with it' },
  '--host': { values: 1, text: 'is left out: engines listen on this machine only' },
  '--port': { values: 1, text: 'is left out: the field port counts' },
  '--uds': { values: 1, text: 'is left out: an engine without a port has a socket of its own' },
  '--served-model-name': { values: 'many', text: 'has become the option aliases' },
  '--api-key': { values: 1, text: 'has become env.VLLM_API_KEY: in a command line everybody on the machine could read it' }
}

/** `extra_args`, with what is an option here taken out of it. */
export function readExtraArgs (model: Fields, name: string, notes: Note[]): Taken {
  const taken: Taken = { args: [], aliases: [], env: {} }
  const words = [...model.strings('extra_args') ?? []]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [flag = ''] = flagPattern.exec(word) ?? []
    const normal = flag.replaceAll('_', '-')
    const own = Object.hasOwn(ownFlags, normal) ? ownFlags[normal] : undefined
    if (own === undefined) {
      taken.args.push(word)
      continue
    }
    const values = word.includes('=') ? [word.slice(word.indexOf('=') + 1)] : takeValues(words, own.values)
    notes.push({ field: model.pathOf('extra_args'), text: `${normal} ${own.text}` })
    if (normal === '--served-model-name') taken.aliases.push(...values.filter(alias => alias !== name))
    if (normal === '--api-key') taken.env.VLLM_API_KEY = values[0] ?? ''
  }
  return taken
}

function takeValues (words: string[], count: 0 | 1 | 'many'): string[] {
  if (count !== 'many') return words.splice(0, count)
  const end = words.findIndex(word => word.startsWith('-'))
  return words.splice(0, end === -1 ? words.length : end)
}

/** A field that looks like one of vLLM's flags: how to give it, so that it counts. */
export function asArgs (name: string, value: unknown): string {
  const flag = `--${name.replaceAll('_', '-')}`
  if (value === true) return JSON.stringify([flag])
  if (value === false) return JSON.stringify([flag.replace('--', '--no-')])
  return JSON.stringify([flag, typeof value === 'object' ? JSON.stringify(value) : String(value)])
}
