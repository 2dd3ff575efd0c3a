// Checks the English of what people read: documents, comments, messages, log lines and titles of tests. Lists each sentence
// that it objects to, with the reason: `npm run prose`.
//
//     node tools/prose/run.js --count      only how many, by file
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { install } from '../install.js'
import { codeTexts } from './code.js'
import { longest, riddles } from './rules.js'

install(fileURLToPath(new URL('.', import.meta.url)))
const { default: writeGood } = await import('write-good')

const root = new URL('../../', import.meta.url)
const read = path => readFileSync(new URL(path, root), 'utf8')
const inFolder = (folder, end) => readdirSync(new URL(folder, root), { recursive: true }).map(name => `${folder}/${name}`).filter(name => name.endsWith(end) && !name.includes('node_modules')).sort()

/** What it says of old versions stays. */
const exempt = new Set(['CHANGELOG.md'])

/** Code and placeholders, each a word of its own: two in a row are no repetition. */
let codes = 0
const code = () => `Code${codes++}`

const blank = text => text.replace(/[^\n]/g, ' ')

/** Prose alone, with each sentence on the line where it stands: no code, no links' targets, no tables' rules. */
const proseOf = text => text
  .replace(/^```[^]*?^```/gm, blank).replace(/<!--[^]*?-->/g, blank).replace(/`[^`\n]*`/g, code).replace(/\]\([^)]*\)/g, ']').replace(/^\|[-|: ]+\|$/gm, blank)

/** Paragraphs, list items and cells, each with the line where it begins. */
function * blocks (text) {
  let block = ''
  let begin = 0
  for (const [index, line] of [...text.split('\n'), ''].entries()) {
    const isRow = line.startsWith('|')
    if (line.trim() === '' || isRow || /^\s*(?:[-*]|\d+\.|#+) /.test(line)) {
      if (block.trim() !== '') yield { line: begin, text: block }
      block = ''
    }
    if (isRow) for (const cell of line.split('|')) if (cell.trim() !== '') yield { line: index + 1, text: cell }
    if (isRow) continue
    if (block === '') begin = index + 1
    block += `${line.trim()} `
  }
}

const sources = {
  ...Object.fromEntries(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'example-app/README.md', 'llms.txt', ...inFolder('docs', '.md'), ...inFolder('examples', '.md')]
    .filter(path => !exempt.has(path)).map(path => [path, blocks(proseOf(read(path)))])),
  ...Object.fromEntries([...inFolder('lib', '.ts'), ...inFolder('page', '.ts'), ...inFolder('page', '.tsx'), ...inFolder('test', '.test.ts')].map(path => [path, codeTexts(path, read(path), code)]))
}

function * objections (text) {
  for (const sentence of text.split(/(?<=[.!?:;])\s+/)) {
    const words = sentence.split(/\s+/).filter(word => /\w/.test(word)).length
    if (words > longest) yield `${words} words in one sentence: “${sentence.trim().slice(0, 60)}…”`
    for (const [pattern, instead] of riddles) {
      const [found] = pattern.exec(sentence) ?? []
      if (found !== undefined) yield `“${found}”: ${instead}`
    }
  }
  // A word twice, and clichés. The passive voice is fine where nobody matters but the thing.
  for (const { reason } of writeGood(text, { passive: false, weasel: false, adverb: false, tooWordy: false, so: false, thereIs: false, eprime: false })) yield reason
}

let count = 0
for (const [path, texts] of Object.entries(sources)) {
  let own = 0
  for (const block of texts) {
    for (const objection of objections(block.text)) {
      own++
      if (!process.argv.includes('--count')) console.log(`${path}:${block.line}: ${objection}`)
    }
  }
  if (process.argv.includes('--count') && own > 0) console.log(`${String(own).padStart(4)} ${path}`)
  count += own
}
console.log(count === 0 ? 'The prose is fine.' : `${count} objections`)
process.exitCode = count === 0 ? 0 : 1
