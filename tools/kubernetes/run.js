// Checks the manifests in deploy/: `npm run kubernetes`. The validators of Kubernetes' and KEDA's schemas find wrong values and
// missing fields, and the compiler finds fields that do not exist, which an API server would drop with a warning.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from '../install.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
install(here)
const require = createRequire(import.meta.url)
const { parseAllDocuments } = require('yaml')

let failures = 0
const lines = []
for (const file of ['kubernetes.yaml', 'kubernetes-fleet.yaml']) {
  for (const document of parseAllDocuments(readFileSync(join(root, 'deploy', file), 'utf8'))) {
    const manifest = document.toJS()
    const { apiVersion, kind, ...rest } = manifest
    const module = `${apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models'}/${apiVersion}/${kind}`
    lines.push(`import { ${kind} as Kind${lines.length} } from '${module}'`, `new Kind${lines.length}(${JSON.stringify(rest)}) // ${file}`)
    try {
      new (require(module)[kind])(manifest).validate()
      console.log(`ok ${file}: ${kind} ${manifest.metadata.name}`)
    } catch (error) {
      failures++
      console.log(`not ok ${file}: ${kind} ${manifest.metadata.name}: ${/** @type {Error} */ (error).message}`)
    }
  }
}
const program = join(here, 'manifests.ts')
writeFileSync(program, `${lines.join('\n')}\n`)
const flags = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'preserve', '--moduleResolution', 'bundler']
const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), [...flags, program], { cwd: here, stdio: 'inherit' })
rmSync(program)
console.log(`${status === 0 ? 'ok' : 'not ok'} every field exists`)
process.exitCode = failures === 0 && status === 0 ? 0 : 1
