import { OptionsError } from '../../errors.ts'
import type { LlmuxOptions, ModelOptions } from '../../options/types.ts'
import { gatewayDefaults, type Config, type Note } from './config.ts'
import { Fields } from './fields.ts'
import { asArgs, readExtraArgs } from './llmux-args.ts'
import { readLevel } from './llmux-levels.ts'
import { readPolicy } from './llmux-policy.ts'

export type LlmuxShape = 'llmux 0.3' | 'llmux 0.9'

/** Fields that say nothing here, and why. */
const topUnused: Record<string, string> = {
  metrics_port: 'is ignored: there is no second port. Metrics are read from the gateway itself',
  admin_port: 'is ignored: there is no second port. Steering is a plugin of its own, behind a key',
  checkpoint: 'is ignored: CRIU and cuda-checkpoint are not offered. Sleep levels 1 and 2 keep the processes'
}

/** The files of llmux 0.3 and 0.9 as they are. What has no meaning here is told in `notes`. */
export function readLlmux (content: unknown, shape: LlmuxShape): Config {
  const notes: Note[] = []
  const top = new Fields(content)
  const policy = top.object('policy')
  const models = top.object('models')
  if (models === undefined) throw new OptionsError('models', 'must be an object of models by name')
  const warmup = top.boolean('warmup')
  const start = top.number('startup_timeout_secs')
  const command = top.string('vllm_command')
  const port = top.number('port')
  const shared = readPolicy(policy, shape, notes)
  const options: LlmuxOptions = {
    models: Object.fromEntries(models.names.map(name => [name, readModel(models.object(name) as Fields, { name, policy, warmup, shape, notes })])),
    ...(command !== undefined && { command }),
    ...shared,
    timeouts: { ...shared.timeouts, ...(start !== undefined && { start: start * 1_000 }) }
  }
  for (const [name, text] of Object.entries(topUnused)) if (top.any(name) !== undefined) notes.push({ field: name, text })
  // What `policy` may have beside what was read: its level counts only where a model has none.
  policy?.any('sleep_level')
  policy?.any('eviction')
  noteUnknown([top, ...(policy ? [policy] : [])], shape, notes)
  return { shape, options, gateway: { ...gatewayDefaults, port: port ?? gatewayDefaults.port }, notes }
}

interface ModelContext {
  name: string
  policy: Fields | undefined
  warmup: boolean | undefined
  shape: LlmuxShape
  notes: Note[]
}

function readModel (model: Fields, { name, policy, warmup, shape, notes }: ModelContext): ModelOptions {
  const path = model.string('model_path')
  if (path === undefined) throw new OptionsError(model.pathOf('model_path'), 'must be a string, but is missing')
  const port = model.number('port')
  const { args, aliases, env } = readExtraArgs(model, name, notes)
  const sleepLevel = readLevel(model, policy, notes)
  if (model.any('checkpoint_path') !== undefined) notes.push({ field: model.pathOf('checkpoint_path'), text: 'is ignored: checkpoints are not offered' })
  for (const [field, value] of model.unread()) {
    notes.push({ field: model.pathOf(field), text: `is ignored, as ${shape} dropped it without a word. For vLLM to get it: "extra_args": ${asArgs(field, value)}` })
  }
  return {
    path,
    ...(port !== undefined && { port }),
    ...(aliases.length > 0 && { aliases }),
    ...(args.length > 0 && { args }),
    ...(Object.keys(env).length > 0 && { env }),
    sleepLevel,
    ...(warmup && { warmup })
  }
}

function noteUnknown (parts: Fields[], shape: LlmuxShape, notes: Note[]): void {
  for (const part of parts) {
    for (const [name] of part.unread()) notes.push({ field: part.pathOf(name), text: `is ignored: it is no field of ${shape}` })
  }
}
