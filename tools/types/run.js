// Compiles a user's code against the packed package with several versions of TypeScript and every way to resolve modules, and
// asks @arethetypeswrong/cli and publint. Exits with 1 if anything of ours is wrong; what Fastify's own types say to an old
// compiler is not ours.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from '../install.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const versions = ['5.2', '5.5', '5.9', '6.0']
/** @type {Record<string, { files: string[], flags: (version: string) => string[] }>} */
const resolutions = {
  'node16, ES modules': { files: ['consumer.ts'], flags: () => ['--module', 'node16', '--moduleResolution', 'node16'] },
  'node16, CommonJS': { files: ['required.cts'], flags: () => ['--module', 'node16', '--moduleResolution', 'node16'] },
  bundler: { files: ['consumer.ts'], flags: () => ['--module', 'esnext', '--moduleResolution', 'bundler'] },
  node10: { files: ['consumer.ts'], flags: version => ['--module', 'esnext', '--moduleResolution', 'node10', ...(version === '6.0' ? ['--ignoreDeprecations', '6.0'] : [])] }
}

const home = mkdtempSync(join(tmpdir(), 'llmux-types-'))
let failures = 0

/** @param {string} name @param {string[]} complaints */
function tell (name, complaints) {
  console.log(`${complaints.length === 0 ? 'ok' : 'not ok'} ${name}`)
  complaints.forEach(line => console.log(`    ${line}`))
  if (complaints.length > 0) failures++
}

/** @param {string} name @param {string} file @param {string[]} args */
function ask (name, file, args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { cwd: home, encoding: 'utf8' })
  tell(name, status === 0 ? [] : `${stdout}${stderr}`.split('\n'))
}

try {
  install(here)
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', home], { cwd: root, encoding: 'utf8' }))
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  execFileSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`, 'fastify@5'], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
  symlinkSync(join(root, 'node_modules/@types'), join(home, 'node_modules/@types'))
  symlinkSync(join(root, 'node_modules/undici-types'), join(home, 'node_modules/undici-types'))
  for (const file of ['consumer.ts', 'required.cts']) copyFileSync(join(here, file), join(home, file))
  for (const version of versions) {
    for (const [name, { files, flags }] of Object.entries(resolutions)) {
      const { stdout } = spawnSync(process.execPath, [join(here, `node_modules/typescript-${version}/bin/tsc`), '--noEmit', '--strict', '--target', 'es2022', '--esModuleInterop', '--types', 'node', ...flags(version), ...files], { cwd: home, encoding: 'utf8' })
      const ours = stdout.split('\n').filter(line => /error TS/.test(line) && !/^node_modules\/(?!fastify-llmux\/)/.test(line))
      tell(`TypeScript ${version}, ${name}`, ours)
    }
  }
  // The package is of ES modules only: CommonJS imports it dynamically, which is no fault.
  ask('attw', join(here, 'node_modules/@arethetypeswrong/cli/dist/index.js'), [filename, '--ignore-rules', 'cjs-resolves-to-esm'])
  ask('publint', join(here, 'node_modules/publint/src/cli.js'), [filename, '--strict'])
} finally {
  rmSync(home, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
