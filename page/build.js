// Builds the page into the package: `npm run build` calls it. Whoever installs the package gets what it has built.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const out = fileURLToPath(new URL('../dist/lib/page/assets', import.meta.url))

/** Bytes that all of it may have, compressed. */
const limit = 150 * 1024

mkdirSync(out, { recursive: true })

await build({
  entryPoints: { app: join(here, 'src/main.tsx'), fleet: join(here, 'src/fleet/main.tsx') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning'
})
// The simulator, which is the gateway's own, in a thread of the browser.
await build({
  entryPoints: { 'what-if': join(here, 'src/worker/what-if.ts') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  alias: {
    'node:events': join(here, 'src/worker/node-events.ts'),
    'node:util': join(here, 'src/worker/node-util.ts'),
    'csv-parse/sync': 'csv-parse/browser/esm/sync'
  },
  define: { 'process.nextTick': 'queueMicrotask' },
  legalComments: 'none',
  logLevel: 'warning'
})
await build({ entryPoints: { app: join(here, 'src/app.css') }, outdir: out, bundle: true, minify: true, target: 'es2022', logLevel: 'warning' })

const kept = ['app.js', 'fleet.js', 'what-if.js', 'app.css', 'index.html', 'icon.svg']
for (const name of ['index.html', 'icon.svg']) copyFileSync(join(here, 'src', name), join(out, name))
for (const name of readdirSync(out)) if (!kept.includes(name)) rmSync(join(out, name))

const bytes = kept.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0)
if (bytes > limit) throw new Error(`the page has ${bytes} bytes compressed: ${limit} at most`)
