// Writes dist/bundle, which the package's entry points load: the modules of dist/lib in few files, since Node opens each in
// about a millisecond, and the check of the options as Ajv compiles it. `npm run build` calls it.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import standalone from 'ajv/dist/standalone/index.js'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/bundle')
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const built = (/** @type {string} */ path) => new URL(`../dist/lib/${path}.js`, import.meta.url)

/** Every file that package.json says is loaded from outside. */
const entries = [...Object.values(manifest.exports).flatMap(entry => typeof entry === 'string' ? [] : [entry.default]), manifest.bin['fastify-llmux']]
  .map(path => path.replace(/^\.\/dist\/bundle\/|\.js$/g, ''))

/** What every gateway loads: in one file, with all that it imports. */
const gateway = ['index', 'admin/index', 'health/index', 'page/index'].map(path => fileURLToPath(built(path)))

const { createAjv } = await import(built('options/check').href)
const { optionsSchema } = await import(built('options/schema').href)

/** `options/check.js`, compiled. */
function compiledCheck () {
  const ajv = createAjv({ source: true, esm: true })
  const code = standalone.default(ajv, ajv.compile(optionsSchema)).replace('export const validate', 'export const check')
  // Ajv writes `require`, even into a module. What it requires is CommonJS.
  const required = [...new Set([...code.matchAll(/require\("(.+?)"\)/g)].map(([, path]) => path))]
  const imports = required.map((path, index) => `import required${index} from '${path}.js'\n`).join('')
  return imports + code.replaceAll(/require\("(.+?)"\)/g, (_, path) => `required${required.indexOf(path)}`)
}

/** V8 keeps the text of a file that is all Latin-1 in half the memory. @param {string} code */
const inLatin1 = code => code.replace(/[^\0-\xff]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

const check = fileURLToPath(built('options/check'))
/** Where the compiled check is: beside the chunk that imports it. */
const checkFile = 'check.js'
const checkIsBeside = {
  name: 'compiled-check',
  /** @param {string} source @param {string | undefined} importer */
  resolveId: (source, importer) => importer !== undefined && join(importer, '..', source) === check ? { id: `./${checkFile}`, external: true } : undefined
}

const bundle = await rolldown({
  input: Object.fromEntries(entries.map(path => [path, fileURLToPath(built(path))])),
  cwd: root,
  platform: 'node',
  external: id => !/^[./]/.test(id),
  plugins: [checkIsBeside, { name: 'latin-1', renderChunk: inLatin1 }]
})
const { output } = await bundle.write({
  dir: out,
  comments: false,
  chunkFileNames: 'chunks/[name].js',
  codeSplitting: { groups: [{ name: 'gateway', test: id => gateway.includes(id) }] }
})
await bundle.close()
// As it is: rolldown would lay it out, and twice as much text would stay in memory.
const checkPath = join('chunks', checkFile)
writeFileSync(join(out, checkPath), compiledCheck())

// What was there stays until then, for whoever is running it.
const written = [checkPath, ...output.map(({ fileName }) => fileName)]
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (entry.isFile() && !written.includes(relative(out, file))) rmSync(file)
}
