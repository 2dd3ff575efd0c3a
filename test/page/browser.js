import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

/** axe-core's script, to be run in a page. */
export const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Whether `npm run test:page` has found one, and brought what drives it. */
export const present = existsSync(path) && existsSync(fileURLToPath(new URL('node_modules', import.meta.url)))

/** Without its own calls to its maker: a test of ours is to see only what the page asks for. */
export async function launch () {
  return await chromium.launch({
    executablePath: path,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--js-flags=--expose-gc', '--enable-precise-memory-info'
    ]
  })
}
