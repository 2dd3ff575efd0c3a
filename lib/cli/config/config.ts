import type { LlmuxOptions, LogLevel } from '../../options/types.ts'

/** Whose field names a file has. */
export type Shape = 'llmux 0.3' | 'llmux 0.9' | 'llmux 2' | 'llama-swap' | 'fastify-llmux'

/** What of a file does not count here, or counts otherwise than somebody may think. */
export interface Note {
  /** As one would write it in JavaScript: `models["qwen"].dtype`. */
  field: string
  text: string
}

/** What `serve` needs beyond the plugin. */
export interface GatewayOptions {
  port: number
  host: string
  /** Bearer keys; none: everybody may come in. */
  keys: string[]
  /** The operators' key; without it their routes are open to this machine, and closed to others. */
  adminKey?: string
  /** A key that opens `/metrics` and nothing else. */
  metricsKey?: string
  /** The origins whose pages may call the models' routes; `true`: any. */
  cors: string[] | true
  logLevel: LogLevel
}

export interface Config {
  shape: Shape
  options: LlmuxOptions
  gateway: GatewayOptions
  notes: Note[]
}

/** Only this machine, until somebody says otherwise: there may be no keys. */
export const gatewayDefaults: Readonly<GatewayOptions> = Object.freeze({ port: 3000, host: '127.0.0.1', keys: [], cors: [], logLevel: 'info' })
