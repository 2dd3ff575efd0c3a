import { OptionsError } from '../errors.ts'
import { checkEngine } from './engine.ts'
import { optionPath } from './path.ts'
import { suggestion } from './explanation.ts'
import type { ResolvedModel } from './types.ts'

// What a schema cannot express: conditions between options.

/** Without sleep mode vLLM answers 200 to `/sleep` and frees nothing. */
function checkSleep ({ id, sleepMode, sleepLevel }: ResolvedModel): void {
  if (sleepMode === false && sleepLevel !== 3) {
    throw new OptionsError(optionPath('models', id, 'sleepLevel'), `must be 3 where sleepMode is false, not ${sleepLevel}`)
  }
}

function checkPorts (models: readonly ResolvedModel[]): void {
  const taken = new Map<number, string>()
  for (const { id, port } of models) {
    if (port === undefined) continue
    const other = taken.get(port)
    if (other !== undefined) throw new OptionsError(optionPath('models', id, 'port'), `must be a port of its own: ${port} is taken by ${optionPath('models', other)}`)
    taken.set(port, id)
  }
}

function checkIdle ({ id, idleTimeout, idleStopTimeout, keepAwake, sleepLevel }: ResolvedModel): void {
  const path = (option: string) => optionPath('models', id, option)
  if (keepAwake && (idleTimeout > 0 || idleStopTimeout > 0)) {
    throw new OptionsError(path('keepAwake'), `must be false where there is ${idleTimeout > 0 ? 'an idleTimeout' : 'an idleStopTimeout'}`)
  }
  if (idleTimeout === 0 || idleStopTimeout === 0) return
  if (sleepLevel === 3) throw new OptionsError(path('idleStopTimeout'), 'must be left out where sleepLevel is 3: idleTimeout ends the processes')
  if (idleStopTimeout <= idleTimeout) throw new OptionsError(path('idleStopTimeout'), `must be more than idleTimeout, which is ${idleTimeout}, not ${idleStopTimeout}`)
}

/** Nothing moves a resident: a model that does not fit beside it would wait forever. */
function checkResidents (models: readonly ResolvedModel[]): void {
  for (const model of models) {
    if (model.place === undefined) checkBesideResidents(model, models)
    else checkAnywhere(model, models)
  }
}

function checkBesideResidents (model: ResolvedModel, models: readonly ResolvedModel[]): void {
  for (const gpu of model.gpus) {
    const residents = models.filter(other => other !== model && other.resident && other.gpus.includes(gpu))
    const sum = residents.reduce((sum, { gpuShare }) => sum + gpuShare, 0)
    if (sum + model.gpuShare <= 1 + 1e-9) continue
    const names = residents.map(({ id }) => JSON.stringify(id)).join(', ')
    throw new OptionsError(optionPath('models', model.id, 'gpuShare'), `must be at most ${Number(Math.max(0, 1 - sum).toFixed(3))}, not ${model.gpuShare}: the resident models of GPU ${gpu} (${names}) take ${Number(sum.toFixed(3))} of it for good`)
  }
}

/** It must find as many GPUs as it takes on which residents leave it room. */
function checkAnywhere (model: ResolvedModel, models: readonly ResolvedModel[]): void {
  const path = (option: string) => optionPath('models', model.id, option)
  for (const option of ['keepAwake', 'resident'] as const) {
    if (model[option]) throw new OptionsError(path(option), 'must be false where gpus is { any }: name its GPUs')
  }
  const { count, candidates } = model.place!
  const taken = (gpu: number) => models.reduce((sum, { resident, gpus, gpuShare }) => sum + (resident && gpus.includes(gpu) ? gpuShare : 0), 0)
  const roomy = candidates.filter(gpu => taken(gpu) + model.gpuShare <= 1 + 1e-9)
  if (roomy.length < count) throw new OptionsError(path('gpuShare'), `must leave room for the resident models: beside them ${roomy.length} of the ${candidates.length} GPUs have a share of ${model.gpuShare}, and the model takes ${count}`)
}

/** Two models that both wake when no other model is needed would replace each other forever. */
function checkKept (models: readonly ResolvedModel[]): void {
  const kept: ResolvedModel[] = []
  for (const model of models) {
    if (!model.keepAwake) continue
    const crowded = model.gpus.some(gpu => kept.filter(other => other.gpus.includes(gpu)).reduce((sum, other) => sum + other.gpuShare, model.gpuShare) > 1 + 1e-9)
    if (crowded) throw new OptionsError(optionPath('models', model.id, 'keepAwake'), `must be false: on its GPU there is no room for it beside ${kept.map(({ id }) => JSON.stringify(id)).join(', ')}`)
    kept.push(model)
  }
}

export function checkModels (models: readonly ResolvedModel[]): void {
  for (const model of models) {
    checkSleep(model)
    checkIdle(model)
    checkEngine(model)
  }
  checkResidents(models)
  checkKept(models)
  checkPorts(models)
}

export function checkDefaultModel (defaultModel: string | undefined, names: ReadonlyMap<string, string>): void {
  if (defaultModel === undefined || names.has(defaultModel)) return
  throw new OptionsError('defaultModel', `must be a name, an alias or an adapter of a model: ${suggestion(defaultModel, [...names.keys()])}`)
}

/** The origin, normalised. */
export function originOf (option: string, upstream: string | undefined): string | undefined {
  if (upstream === undefined) return undefined
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined
  // Anything beyond scheme, host and port would be dropped silently.
  const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  if (isOrigin) return url.origin
  throw new OptionsError(option, 'must be an origin: http://host:port or https://host:port, without path or credentials')
}
