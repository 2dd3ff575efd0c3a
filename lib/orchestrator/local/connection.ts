import { Pool } from 'undici'
import type { Address } from '../../engines/index.ts'
import type { Endpoint } from '../driver.ts'
import { ControlClient, type Controlled } from './control-client.ts'

/** vLLM and SGLang close idle connections after 5 s, llama.cpp later: ours are closed before, so that no request meets one that is just closing. Milliseconds. */
const keepAliveTimeout = 4_000

/** Where an engine listens on this machine, or a server elsewhere. */
export type Target = Address | { url: string }

export interface ConnectionTarget {
  model: Controlled
  address: Target
  apiKey: string | undefined
}

function originOf (address: Target): string {
  if ('url' in address) return address.url
  return 'port' in address ? `http://127.0.0.1:${address.port}` : 'http://engine'
}

/** All connections to one life of an engine: those of the requests, and apart from them those of the control calls. */
export class Connection {
  readonly endpoint: Endpoint
  readonly control: ControlClient

  constructor ({ model, address, apiKey }: ConnectionTarget) {
    const origin = originOf(address)
    const connect = 'socket' in address ? { socketPath: address.socket } : {}
    const dispatcher = new Pool(origin, {
      connections: null,
      pipelining: 1,
      // A long answer is not an error: limits on requests are set elsewhere.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout,
      keepAliveMaxTimeout: keepAliveTimeout,
      connect
    })
    this.endpoint = { origin, dispatcher, apiKey }
    this.control = new ControlClient({ model, origin, connect, apiKey })
  }

  /** Takes no more requests. Those under way are broken: an engine may not end while a connection is open. Or, if `gently`, they are left alone. */
  async close (gently: boolean): Promise<void> {
    const { endpoint: { dispatcher }, control } = this
    await Promise.all([gently ? dispatcher.close() : dispatcher.destroy(), control.destroy()])
  }
}
