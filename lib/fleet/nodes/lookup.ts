import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import type { NodeSource } from '../options.ts'
import { isOrigin } from '../options.ts'

/** The origins of all nodes that there are now. Rejects if that cannot be said. */
export async function originsOf (source: NodeSource): Promise<string[]> {
  if ('dns' in source) {
    const { dns, port = 3_000, protocol = 'http' } = source
    const addresses = await lookup(dns, { all: true })
    return addresses.map(({ address }) => `${protocol}://${isIPv6(address) ? `[${address}]` : address}:${port}`)
  }
  const origins = typeof source === 'function' ? await source() : source
  const wrong = origins.find(origin => !isOrigin(origin))
  if (wrong !== undefined) throw new Error(`${wrong} is no origin (http://host:port)`)
  return origins.map(origin => new URL(origin).origin)
}
