import { OptionsError } from '../../errors.ts'
import type { LlmuxOptions, LogLevel, ModelOptions } from '../../options/types.ts'
import { gatewayDefaults, type Config, type Note } from './config.ts'
import { Fields } from './fields.ts'
import { readGroups } from './llama-swap-groups.ts'
import { expand, splitCommand, type Macros } from './llama-swap-macros.ts'

/** Where llama-swap listens unless it is told otherwise. */
const itsPort = 8080

const unusedTop: Record<string, string> = {
  profiles: 'is ignored: a model has one name for all times',
  selectors: 'is ignored: a name is one model',
  peers: 'is ignored: one server for models that are not here can be given as fallbackUpstream',
  upstream: 'is ignored: clients do not reach other paths of an engine',
  store: 'is ignored: record keeps what was served, in a file',
  ui: 'is ignored: the operators\' page has no settings',
  performance: 'is ignored: metrics are kept by Prometheus',
  includeAliasesInList: 'is ignored: aliases are in the list',
  sendLoadingState: 'is ignored: heartbeat keeps waiting streams alive',
  logTimeFormat: 'is ignored: logs are lines of JSON',
  logToStdout: 'is ignored: engineLogLevel says at which level the output of engines is logged',
  metricsMaxInMemory: 'is ignored: metrics are kept by Prometheus',
  captureBuffer: 'is ignored: bodies are not kept'
}

const unusedModel: Record<string, string> = {
  useModelName: 'is ignored: a request reaches its engine with the name that the client wrote. Have the engine serve that name',
  unlisted: 'is ignored: every model is in the list',
  name: 'is ignored: the list has no names for people',
  description: 'is ignored: the list has no descriptions',
  capabilities: 'is ignored: the list says nothing of them',
  compat: 'is ignored: websockets are not served',
  metadata: 'is ignored: the list has no metadata',
  sendLoadingState: 'is ignored: heartbeat keeps waiting streams alive',
  timeouts: 'is ignored: engines run on this machine. Limits are in timeouts'
}

/** A configuration of llama-swap's as it is, after its `config.example.yaml`. What has no meaning here is told in `notes`. */
export function readLlamaSwap (content: unknown): Config {
  const notes: Note[] = []
  const top = new Fields(content)
  const models = top.object('models')
  if (models === undefined) throw new OptionsError('models', 'must be an object of models by name')
  const ports = { next: top.number('startPort') ?? 5800 }
  const macros = macrosOf(top)
  const ttl = top.number('globalTTL') ?? 0
  const unload = top.number('unloadTimeout')
  const preload = new Set(top.object('hooks')?.object('on_startup')?.strings('preload') ?? [])
  const groups = readGroups(top, notes)
  const own = Object.fromEntries(models.names.map(name => [name, {
    ...readModel(models.object(name) as Fields, { name, macros, ttl, ports, notes, isKept: groups.kept.has(name) }),
    ...(preload.has(name) && { preload: true }),
    ...groups.options.get(name)
  }]))
  for (const name of preload) if (own[name] === undefined) notes.push({ field: 'hooks.on_startup.preload', text: `has ${JSON.stringify(name)}, which is no model: it is ignored` })
  const options: LlmuxOptions = {
    models: own,
    timeouts: { start: Math.max(15, top.number('healthCheckTimeout') ?? 120) * 1_000, ...stopIn(unload) }
  }
  const keys = (top.strings('apiKeys') ?? []).map((key, index) => expand(key, macros, `apiKeys[${index}]`))
  const logLevel = (top.string('logLevel') ?? gatewayDefaults.logLevel) as LogLevel
  if (top.object('routing')?.any('scheduler') !== undefined) notes.push({ field: 'routing.scheduler', text: 'is ignored: priority is what a request says of itself' })
  tellUnused(top, unusedTop, notes)
  return { shape: 'llama-swap', options, gateway: { ...gatewayDefaults, port: itsPort, keys, logLevel }, notes }
}

interface ModelContext {
  name: string
  macros: Macros
  /** Seconds. */
  ttl: number
  ports: { next: number }
  notes: Note[]
  isKept: boolean
}

function readModel (model: Fields, { name, macros: shared, ttl, ports, notes, isKept }: ModelContext): ModelOptions {
  const own = new Map([...shared, ...macrosOf(model), ['MODEL_ID', name]])
  const cmd = model.string('cmd')
  if (cmd === undefined) throw new OptionsError(model.pathOf('cmd'), 'must be a string, but is missing')
  const given = model.string('proxy') ?? 'http://localhost:${PORT}' // eslint-disable-line no-template-curly-in-string
  // Counted up for each model that has it, as llama-swap does.
  if (`${cmd}${given}${[...own.values()].join()}`.includes('${PORT}')) own.set('PORT', String(ports.next++)) // eslint-disable-line no-template-curly-in-string
  const seconds = positive(model.any('ttl')) ?? ttl
  const limit = model.number('concurrencyLimit') ?? 0
  const aliases = [...aliasesOf(model), ...variantsOf(model, own, name)]
  const stop = model.string('cmdStop')
  const timeouts = timeoutsOf(model)
  const { env, gpus } = environmentOf(model, own)
  const ready = model.string('checkEndpoint') ?? '/health'
  if (ready === 'none') notes.push({ field: model.pathOf('checkEndpoint'), text: 'has become /v1/models: a model is asked whether it is ready before it gets requests' })
  if (model.any('filters') !== undefined) notes.push({ field: model.pathOf('filters'), text: 'is ignored: bodies go on byte for byte. A hook of your own server may change them. Names in setParamsByID have become aliases' })
  if (isKept && seconds > 0) notes.push({ field: model.pathOf('ttl'), text: 'is ignored: its group is persistent' })
  tellUnused(model, unusedModel, notes)
  return {
    engine: 'openai',
    command: splitCommand(expand(cmd, own, model.pathOf('cmd'))),
    port: portOf(expand(given, own, model.pathOf('proxy')), model.pathOf('proxy')),
    readyPath: ready === 'none' ? '/v1/models' : expand(ready, own, model.pathOf('checkEndpoint')),
    ...(stop !== undefined && { stopCommand: splitCommand(expand(stop, new Map([...own, ['PID', '{pid}']]), model.pathOf('cmdStop'))) }),
    ...timeouts,
    ...(aliases.length > 0 && { aliases }),
    ...(Object.keys(env).length > 0 && { env }),
    ...(gpus !== undefined && { gpus }),
    ...(seconds > 0 && !isKept && { idleTimeout: seconds * 1_000 }),
    ...(limit > 0 && { maxConcurrency: limit })
  }
}

/** -1 means the default. */
const positive = (value: unknown): number | undefined => typeof value === 'number' && value >= 0 ? value : undefined

function macrosOf (fields: Fields): Map<string, string> {
  const macros = fields.object('macros')
  return new Map((macros?.names ?? []).map(name => [name, String(macros!.any(name)).trim()]))
}

/** Names, or objects with an `id`. */
function aliasesOf (model: Fields): string[] {
  const list = (model.any('aliases') ?? []) as unknown[]
  return list.map((alias, index) => {
    const name = typeof alias === 'string' ? alias : (alias as { id?: unknown } | null)?.id
    if (typeof name !== 'string') throw new OptionsError(`${model.pathOf('aliases')}[${index}]`, 'must be a name, or an object with an id')
    return name
  })
}

/** Names that llama-swap makes for parameters of their own. The parameters are not set, but who uses the names is served. */
function variantsOf (model: Fields, macros: Macros, id: string): string[] {
  const filters = model.any('filters') as { setParamsByID?: object } | null | undefined
  return Object.keys(filters?.setParamsByID ?? {}).map(name => expand(name, macros, model.pathOf('filters'))).filter(name => name !== id)
}

/** Seconds, which are a limit if there are any. */
const stopIn = (seconds: number | undefined) => seconds === undefined || seconds === 0 ? {} : { stop: seconds * 1_000 }

function timeoutsOf (model: Fields): Pick<ModelOptions, 'timeouts'> {
  const stop = stopIn(model.number('unloadTimeout'))
  return 'stop' in stop ? { timeouts: stop } : {}
}

/** `NAME=value`; the GPUs that it names are an option here. */
function environmentOf (model: Fields, macros: Macros): { env: Record<string, string>, gpus: number[] | undefined } {
  const entries = (model.strings('env') ?? []).map(line => {
    const text = expand(line, macros, model.pathOf('env'))
    const at = text.indexOf('=')
    if (at < 1) throw new OptionsError(model.pathOf('env'), 'must have the form NAME=value in each line')
    return [text.slice(0, at), text.slice(at + 1)] as const
  })
  const { CUDA_VISIBLE_DEVICES: devices, ...env } = Object.fromEntries(entries)
  if (devices === undefined) return { env, gpus: undefined }
  if (!/^\d+(,\d+)*$/.test(devices)) return { env: { ...env, CUDA_VISIBLE_DEVICES: devices }, gpus: undefined }
  return { env, gpus: devices.split(',').map(Number) }
}

function portOf (proxy: string, field: string): number {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  if (url?.protocol !== 'http:' || !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname) || url.pathname !== '/') {
    throw new OptionsError(field, 'must be http://127.0.0.1:PORT: engines run on this machine')
  }
  return Number(url.port || 80)
}

function tellUnused (fields: Fields, known: Record<string, string>, notes: Note[]): void {
  for (const [name] of fields.unread()) notes.push({ field: fields.pathOf(name), text: known[name] ?? 'is ignored: it is not known' })
}
