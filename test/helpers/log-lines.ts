import { Writable } from 'node:stream'

/** What a server logs. */
export interface LogLines {
  /** For Fastify's `logger` option. */
  readonly stream: Writable
  readonly lines: Array<Record<string, any>>
}

export function collectLog (): LogLines {
  const lines: LogLines['lines'] = []
  let rest = ''
  const stream = new Writable({
    write (chunk, _encoding, done) {
      const parts = (rest + String(chunk)).split('\n')
      rest = parts.pop()!
      lines.push(...parts.map(line => JSON.parse(line)))
      done()
    }
  })
  return { stream, lines }
}
