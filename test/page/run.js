// The page in a real browser: `npm run test:page`. Needs Chromium: from $CHROMIUM, from PATH, or, as root on Debian, from its packages.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')

/** @returns {string | undefined} */
function find () {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).flatMap(folder => ['chromium', 'chromium-browser', 'google-chrome'].map(name => join(folder, name)))
  return [process.env['CHROMIUM'], ...inPath].find(path => path !== undefined && path !== '' && existsSync(path))
}

/** @returns {string | undefined} */
function install () {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return undefined
  for (const args of [['-qq', 'update'], ['-qq', '-y', '--no-install-recommends', 'install', 'chromium', 'fonts-dejavu-core']]) {
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    if (status !== 0) return undefined
  }
  return find()
}

const chromium = find() ?? install()
if (chromium === undefined) {
  console.log('SKIPPED: the page is not tested, since there is no Chromium here and none can be installed (set CHROMIUM to its path)')
  process.exit(0)
}
execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', here], { stdio: ['ignore', 'ignore', 'inherit'] })
// With types of its own, which the rest of the project does without.
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', here], { stdio: 'inherit' })
const tap = join(root, 'node_modules/.bin/tap')

/** @param {string} program @param {string[]} args @param {Record<string, string>} [env] */
function run (program, args, env) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, CHROMIUM: chromium, ...env } })
  if (status !== 0) process.exitCode = 1
}

if (process.argv.includes('--screenshots')) {
  run(process.execPath, [join(here, 'screenshots.js')])
  run(tap, ['run', 'test/page/fleet.test.ts'], { PAGE_SCREENSHOT: 'docs/page/fleet.png' })
} else {
  run(tap, ['run', '--output-file', 'reports/page.tap', 'test/page/page.test.ts', 'test/page/fleet.test.ts'])
}
