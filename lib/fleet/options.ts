import type { ConnectionOptions } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { OptionsError } from '../errors.ts'
import { knownRoutes } from '../options/index.ts'
import { chooseNode } from './choice/choose.ts'
import type { ChooseNode } from './choice/types.ts'

/** All addresses that a name has, a headless Service of Kubernetes's say. */
export interface DnsNodes {
  dns: string
  /** Default 3 000. */
  port?: number
  /** Default `'http'`. With `'https'` certificates are checked for the name `dns`. */
  protocol?: 'http' | 'https'
}

/** Origins (`https://gpu-1:3000`). A function is asked again every `lookup`. */
export type NodeSource = readonly string[] | DnsNodes | (() => readonly string[] | Promise<readonly string[]>)

/** Options of the plugin `fastify-llmux/fleet`. Unknown keys are refused. Durations are milliseconds. */
export interface FleetOptions {
  /** Where the nodes are: gateways with llmux and its operators' routes. */
  nodes: NodeSource
  /** The key of the nodes' operators' routes. */
  adminKey: string
  /** Where those are on the nodes. Default `'/admin'`. */
  adminPrefix?: string
  /** Put before the models' routes on the nodes. Default `''`. */
  nodePrefix?: string
  /** Key of the models' routes on the nodes, sent as `Authorization: Bearer`. Default: none. */
  key?: string
  /** As `edgeKey` of the nodes: what this edge says of priorities counts there. Default: they are not told. */
  edgeKey?: string
  /** How nodes are known, and this edge to them: `ca`, `cert`, `key` and the like, as of `tls.connect`. Default: Node's. */
  tls?: ConnectionOptions
  /** Put before every route. Default `''`. */
  prefix?: string
  /** The routes that are offered. Default: all of `knownRoutes`. */
  routes?: string[]
  /** Header that names the model and wins over the body, `false`: none. Default `'model-override'`. */
  modelHeader?: string | false
  /** Model of requests that name none. Default: they are refused. */
  defaultModel?: string
  /** Bytes. Default 32 MiB. */
  bodyLimit?: number
  /** Chooses the node for each request. Default: see docs/fleet.md. */
  choose?: ChooseNode
  /** Header by which requests of one conversation are known. Without it the hash of the first messages tells. Default `'x-llmux-conversation'`. */
  conversationHeader?: string
  /** Headers that say who asks. Default: none; `forwarded`, `x-forwarded-…` and `x-real-ip` are not passed on either. */
  identity?: (request: FastifyRequest) => Record<string, string>
  /** As llmux's option: of requests that come to this edge. Default `false`. */
  priority?: boolean | ((request: FastifyRequest) => number)
  /** As llmux's option. Default: for all of them. */
  mayCauseSwitch?: (request: FastifyRequest) => boolean
  /** From one look at where the nodes are to the next. Default 5 000. */
  lookup?: number
  /** How long a node may be silent before it is out, and its requests without a byte go elsewhere. Default 3 000. */
  stale?: number
  /** How long one that is out may keep a stream on which nothing comes. Default 15 000. */
  cut?: number
  /** How long a connection may take to be made. Default 2 000. */
  connect?: number
  /** How long a node may take to answer what an operator asks of it, unless it is to answer when that is done. Default 10 000. */
  operation?: number
  /** How long a body may take. Default 60 000. */
  body?: number
  /** How long streams may run on when the server closes. Default 30 000. */
  grace?: number
  /** Requests that may be sent to a second node, as a share of all; ten at once may be in any case, and all that a node has when it goes out. Default 0.2. */
  retries?: number
}

export type ResolvedFleetOptions = Required<Omit<FleetOptions, 'key' | 'edgeKey' | 'tls' | 'defaultModel' | 'identity' | 'mayCauseSwitch'>> &
  Pick<FleetOptions, 'key' | 'edgeKey' | 'tls' | 'defaultModel' | 'identity' | 'mayCauseSwitch'>

const defaults = {
  adminPrefix: '/admin',
  nodePrefix: '',
  prefix: '',
  routes: knownRoutes.map(({ path }) => path),
  modelHeader: 'model-override' as string | false,
  bodyLimit: 32 * 1024 ** 2,
  choose: chooseNode,
  conversationHeader: 'x-llmux-conversation',
  priority: false,
  lookup: 5_000,
  stale: 3_000,
  cut: 15_000,
  connect: 2_000,
  operation: 10_000,
  body: 60_000,
  grace: 30_000,
  retries: 0.2
}

type Check = [allowed: string, right: (value: any) => boolean]

const key: Check = ['must be a key without spaces', value => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)]
const milliseconds: Check = ['must be a whole number of milliseconds, at least 1', value => Number.isSafeInteger(value) && value > 0 && value < 2 ** 31]
const path: Check = ['must be empty or a path that starts with / and does not end with it', value => typeof value === 'string' && /^(\/[\w.~-]+)*$/.test(value)]
const fn: Check = ['must be a function', value => typeof value === 'function']
const header: Check = ['must be the name of a header', value => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)]

const checks: Record<keyof FleetOptions, Check> = {
  nodes: ['must be a list of origins (http://host:port), { dns, port, protocol } or a function', isSource],
  adminKey: key,
  key,
  edgeKey: key,
  adminPrefix: path,
  nodePrefix: path,
  prefix: path,
  tls: ['must be an object', value => typeof value === 'object' && value !== null],
  routes: ['must be a list of routes that carry a model', value => Array.isArray(value) && value.every(one => defaults.routes.includes(one))],
  modelHeader: ['must be the name of a header, or false', value => value === false || header[1](value)],
  conversationHeader: header,
  defaultModel: ['must be a name', value => typeof value === 'string' && value !== ''],
  bodyLimit: ['must be a whole number of bytes, at least 1', value => Number.isSafeInteger(value) && value > 0 && value < 2 ** 31],
  choose: fn,
  identity: fn,
  mayCauseSwitch: fn,
  priority: ['must be true, false or a function', value => typeof value === 'boolean' || typeof value === 'function'],
  lookup: milliseconds,
  stale: milliseconds,
  cut: milliseconds,
  connect: milliseconds,
  operation: milliseconds,
  body: milliseconds,
  grace: milliseconds,
  retries: ['must be a number from 0 to 1', value => typeof value === 'number' && value >= 0 && value <= 1]
}

export function isOrigin (value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, origin } = new URL(value)
  return (protocol === 'http:' || protocol === 'https:') && origin === value.replace(/\/$/, '')
}

function isSource (value: any): boolean {
  if (typeof value === 'function') return true
  if (Array.isArray(value)) return value.length > 0 && value.every(isOrigin)
  const { dns, port = 3_000, protocol = 'http', ...unknown } = value ?? {}
  return typeof dns === 'string' && dns !== '' && Number.isInteger(port) && port > 0 && port < 65_536 && ['http', 'https'].includes(protocol) && Object.keys(unknown).length === 0
}

/** @throws {OptionsError} names the option and what is allowed. */
export function resolveFleetOptions (options: FleetOptions): ResolvedFleetOptions {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'logLevel' || name === 'logSerializers') continue
    const check = checks[name as keyof FleetOptions]
    if (check === undefined) throw new OptionsError(name, `is unknown: known are ${Object.keys(checks).join(', ')}`)
    if (value !== undefined && !check[1](value)) throw new OptionsError(name, check[0])
  }
  for (const name of ['nodes', 'adminKey'] as const) if (options[name] === undefined) throw new OptionsError(name, `${checks[name][0]}, but is missing`)
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as FleetOptions
  const resolved = { ...defaults, ...given }
  return { ...resolved, modelHeader: resolved.modelHeader && resolved.modelHeader.toLowerCase(), conversationHeader: resolved.conversationHeader.toLowerCase() }
}
