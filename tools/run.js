// Runs a tool that has a package of its own, with its packages installed first if they are not those of its lock file:
//
//     node tools/run.js FOLDER COMMAND [ARGUMENT …]
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from './install.js'

const [folder = '', command = '', ...args] = process.argv.slice(2)
const home = fileURLToPath(new URL(folder, import.meta.url))

install(home)
const { status, error } = spawnSync(join(home, 'node_modules/.bin', command), args, { stdio: 'inherit' })
if (error !== undefined) throw error
process.exitCode = status ?? 1
