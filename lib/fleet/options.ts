import type { ConnectionOptions } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { OptionsError } from '../errors.ts'
import { knownRoutes } from '../options/index.ts'
import { chooseNode } from './choice/choose.ts'
import type { ChooseNode } from './choice/types.ts'

/** All addresses of a name, such as a headless Service of Kubernetes. */
export interface DnsNodes {
  /** The name. */
  dns: string
  /** The port of each node. Default 3 000. */
  port?: number
  /** With `'https'` certificates are checked for the name `dns`. Default `'http'`. */
  protocol?: 'http' | 'https'
}

/** Origins such as `https://gpu-1:3000`: a list, the addresses of a name, or a function. The last two are asked again every `lookup`. */
export type NodeSource = readonly string[] | DnsNodes | (() => readonly string[] | Promise<readonly string[]>)

/** Options of the plugin `fastify-llmux/fleet`. Unknown keys are refused. Durations are milliseconds. */
export interface FleetOptions {
  /** Where the nodes are, which are gateways with llmux and its operators' routes: a list of origins, all addresses of a name (`{ dns, port, protocol }`), or a function that returns origins. */
  nodes: NodeSource
  /** The key of the nodes' operators' routes. */
  adminKey: string
  /** The prefix of the nodes' operators' routes. Default `'/admin'`. */
  adminPrefix?: string
  /** The prefix of the models' routes on the nodes. Default `''`. */
  nodePrefix?: string
  /** The key of the models' routes on the nodes. The edge sends it as `Authorization: Bearer`. Default: none. */
  key?: string
  /** The nodes' option `edgeKey`. With it the edge tells nodes the priority of a request and whether it may cause a switch. Default: none. */
  edgeKey?: string
  /** `ca`, `cert`, `key` and other options of `tls.connect`, for connections to nodes. Default: Node's. */
  tls?: ConnectionOptions
  /** Prefix of every route of the edge. Default `''`. */
  prefix?: string
  /** The routes that the edge offers. Default: all of `knownRoutes`. */
  routes?: string[]
  /** Header that names the model and takes precedence over the body; `false`: none. Default `'model-override'`. */
  modelHeader?: string | false
  /** The model of requests that name none. Default: such requests are refused. */
  defaultModel?: string
  /** The largest body, in bytes. Default 33 554 432 (32 MiB). */
  bodyLimit?: number
  /** A function that chooses the node of each request. Default: `chooseNode`, see [which node](../fleet.md#which-node). */
  choose?: ChooseNode
  /** Whether a request that waits on one node moves to another when its model is awake there and has room. `choose` is asked with that node alone. Default `true`. */
  move?: boolean
  /** Header that names the conversation of a request. Without it, requests with the same messages up to the first one of the user belong together. Default `'x-llmux-conversation'`. */
  conversationHeader?: string
  /** A function from the request to headers that tell nodes who asks. Default: none; `forwarded`, `x-forwarded-…`, `x-real-ip` and `via` do not pass either. */
  identity?: (request: FastifyRequest) => Record<string, string>
  /** As the option of llmux, for requests to this edge. Needs `edgeKey`. Default `false`. */
  priority?: boolean | ((request: FastifyRequest) => number)
  /** As the option of llmux, for requests to this edge. Needs `edgeKey`. Default: every request may. */
  mayCauseSwitch?: (request: FastifyRequest) => boolean
  /** Time from one look at where the nodes are to the next. Default 5 000. */
  lookup?: number
  /** How long a node may be silent. After that it is out, and its requests without a byte go to other nodes. Default 3 000. */
  stale?: number
  /** How long a node that is out may keep a stream without sending anything on it. Default 15 000. */
  cut?: number
  /** How long it may take to connect to a node. Default 2 000. */
  connect?: number
  /** How long a node may take to answer an operator. With `?wait=true`, as long as it is not out. Default 10 000. */
  operation?: number
  /** How long reading a request's body may take. Default 60 000. */
  body?: number
  /** How long streams may still run when the server closes. Default 30 000. */
  grace?: number
  /** The share of requests that may be sent to another node while their node stays up. Ten at once always may, and so may all requests of a node that goes out. Default 0.2. */
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
  move: true,
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
  move: ['must be true or false', value => typeof value === 'boolean'],
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
