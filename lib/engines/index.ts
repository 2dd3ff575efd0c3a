import type { EngineAdapter } from './adapter.ts'
import { llamaCpp } from './llama-cpp.ts'
import { openai } from './openai.ts'
import { sglang } from './sglang.ts'
import { vllm } from './vllm.ts'

export type * from './adapter.ts'

/** The engines by their names in the option `engine`. */
export const engines = Object.freeze({ vllm, 'llama.cpp': llamaCpp, sglang, openai }) satisfies Record<string, EngineAdapter>

export type EngineName = keyof typeof engines

export const engineNames = Object.keys(engines) as EngineName[]

/** The adapter for a name, or the adapter itself. */
export function engineOf (engine: EngineName | EngineAdapter): EngineAdapter {
  return typeof engine === 'string' ? engines[engine] : engine
}

/** What is wrong with an adapter of your own: where, and what is required. Undefined if it is right. */
export function adapterFault (adapter: EngineAdapter): [key: string, demand: string] | undefined {
  if (typeof adapter.name !== 'string' || adapter.name === '') return ['name', 'must be a non-empty string']
  if (typeof adapter.argv !== 'function') return ['argv', 'must be a function']
  const { levels } = adapter
  if (!Array.isArray(levels) || levels.length === 0 || levels.some(level => ![1, 2, 3].includes(level))) return ['levels', 'must be a list of 1, 2 and 3, the default first']
  if (levels.every(level => level === 3)) return undefined
  const steps = [1, 2].filter(level => levels.includes(level as 1 | 2)).flatMap(level => [...adapter.wakeSteps?.(level as 1 | 2) ?? ['wake']])
  const needed = ['sleep', ...steps.map(step => step.split(' ', 1)[0]!)] as Array<keyof EngineAdapter>
  const missing = needed.find(name => typeof adapter[name] !== 'function')
  return missing && [missing, 'must be a function: the levels of the adapter need it']
}
