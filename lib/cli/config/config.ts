import type { LlmuxOptions, LogLevel } from '../../options/types.ts'

/** The tool whose field names a file uses. */
export type Shape = 'llmux 0.3' | 'llmux 0.9' | 'llmux 2' | 'llama-swap' | 'fastify-llmux'

/** A field that has no effect here, or another effect than its author may expect. */
export interface Note {
  /** As written in JavaScript: `models["qwen"].dtype`. */
  field: string
  text: string
}

/** What `serve` needs beyond the plugin. */
export interface GatewayOptions {
  port: number
  host: string
  /** Bearer keys; none: everyone may use the gateway. */
  keys: string[]
  /** The operators' key; without it only this machine reaches their routes. */
  adminKey?: string
  /** A key that opens `/metrics` and nothing else. */
  metricsKey?: string
  /** Origins whose pages may call the models' routes; `true`: all. */
  cors: string[] | true
  logLevel: LogLevel
}

export interface Config {
  shape: Shape
  options: LlmuxOptions
  gateway: GatewayOptions
  notes: Note[]
}

/** Only this machine by default: there may be no keys. */
export const gatewayDefaults: Readonly<GatewayOptions> = Object.freeze({ port: 3000, host: '127.0.0.1', keys: [], cors: [], logLevel: 'info' })
