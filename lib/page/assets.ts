import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export interface Asset {
  type: string
  body: Buffer
  /** Made when it is first wanted: a start need not wait for a page that nobody may open. */
  readonly gzipped: Buffer
  tag: string
}

/** What the page must know of its place, before it has asked for anything. */
export interface Place {
  /** Where the operators' routes are, relative to the page. */
  admin: string
  /** Whether one signs in with a key. */
  signIn: boolean
  /** Which page: of one gateway, or of an edge before several. */
  script: 'app' | 'fleet'
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/** The page as it was built, by file name. It is small, and read once. */
export function assets (place: Place): Map<string, Asset> {
  // By its own name: from the sources and from `dist` the files are at different distances.
  const folder = join(dirname(createRequire(import.meta.url).resolve('fastify-llmux/package.json')), 'dist/lib/page/assets')
  return new Map(readdirSync(folder).map(name => [name, asset(name, readFileSync(join(folder, name)), place)]))
}

function asset (name: string, content: Buffer, { admin, signIn, script }: Place): Asset {
  const body = name === 'index.html' ? Buffer.from(String(content).replace('{admin}', admin).replace('{signIn}', String(signIn)).replace('{script}', script)) : content
  let gzipped: Buffer | undefined
  return {
    type: types[extname(name)] ?? 'application/octet-stream',
    body,
    get gzipped () {
      gzipped ??= gzipSync(body)
      return gzipped
    },
    tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  }
}
