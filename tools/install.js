import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** `npm ci` in a folder with a lock file, unless what is installed there is what the lock file says. @param {string} folder */
export function install (folder) {
  const wanted = join(folder, 'package-lock.json')
  const installed = join(folder, 'node_modules/.installed-lock.json')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(wanted, 'utf8')) return
  // What npm says goes to standard error: some tools are asked for their output.
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', folder], { stdio: ['ignore', process.stderr, 'inherit'] })
  copyFileSync(wanted, installed)
}
