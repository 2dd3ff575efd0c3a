// The tables of options and metrics, generated from the types and the catalogue, so that there is one place to write them.
//
//     npm run readme        writes them between the markers in the documents below
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'

const typesFiles = ['types.ts', 'policy-options.ts'].map(name => new URL(`../lib/options/${name}`, import.meta.url))

/** Where they are. @type {Record<string, string[]>} */
export const tables = {
  'docs/reference/options.md': ['LlmuxOptions', 'ModelOptions', 'Timeouts'],
  'docs/reference/metrics.md': ['metrics'],
  'docs/policies.md': ['EvenHandedOptions', 'FifoOptions', 'CostAwareOptions', 'TimeSliceOptions', 'SimpleOptions']
}

/** @typedef {{ name: string, type: string, fallback: string, effect: string }} Row */

/** @param {ts.SourceFile} source @param {string} name @returns {ts.InterfaceDeclaration} */
function findInterface (source, name) {
  const found = source.statements.find(statement => ts.isInterfaceDeclaration(statement) && statement.name.text === name)
  if (found === undefined) throw new Error(`no interface ${name}`)
  return /** @type {ts.InterfaceDeclaration} */ (found)
}

/** The text of a type, with aliases of unions written out. @param {ts.SourceFile} source @param {string} text */
function spellOut (source, text) {
  for (const statement of source.statements) {
    if (ts.isTypeAliasDeclaration(statement) && statement.name.text === text && ts.isUnionTypeNode(statement.type)) return statement.type.getText()
  }
  return text
}

/** @param {ts.Node} node */
function comment (node) {
  return ts.getJSDocCommentsAndTags(node).map(doc => ts.getTextOfJSDocComment(doc.comment) ?? '').join(' ').replace(/\s+/g, ' ')
}

/** @param {string} interfaceName @returns {Row[]} */
export function rows (interfaceName) {
  const source = ts.createSourceFile('types.ts', typesFiles.map(file => readFileSync(file, 'utf8')).join('\n'), ts.ScriptTarget.Latest, true)
  return findInterface(source, interfaceName).members.filter(ts.isPropertySignature).map(member => {
    const text = comment(member)
    // A sentence: `Default 300 000.`, `Default: the model's name.`
    const [sentence = '', fallback = ''] = /(?:^|(?<= ))Default:? (.+?)\.(?= |$) ?/.exec(text) ?? []
    return {
      name: member.name.getText(),
      type: spellOut(source, member.type?.getText() ?? ''),
      fallback: member.questionToken === undefined ? 'required' : fallback || '–',
      effect: text.replace(sentence, '').trim()
    }
  })
}

/** @param {string} interfaceName */
function table (interfaceName) {
  const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|')
  const lines = rows(interfaceName).map(({ name, type, fallback, effect }) => `| \`${name}\` | \`${cell(type)}\` | ${cell(fallback)} | ${cell(effect)} |`)
  return ['| option | type | default | effect |', '|---|---|---|---|', ...lines].join('\n')
}

/** The metrics as written in the catalogue, read as text: this script runs without a build. */
function metricsTable () {
  const source = readFileSync(new URL('../lib/metrics/catalogue.ts', import.meta.url), 'utf8')
  const entries = source.matchAll(/^ {2}(\w+): \{ type: '(\w+)', help: '((?:[^'\\]|\\.)*)', labels: \[(.*)\] \},?$/gm)
  const lines = [...entries].map(([, name, type, help = '', labels = '']) =>
    `| \`${name}\` | ${type} | ${[...labels.matchAll(/'(\w+)'/g)].map(([, label]) => `\`${label}\``).join(', ')} | ${help.replaceAll("\\'", "'")} |`)
  return ['| metric | type | labels | |', '|---|---|---|---|', ...lines].join('\n')
}

/** A document with its tables made anew. @param {string} text @param {string} document */
export function withTables (text, document) {
  return (tables[document] ?? []).reduce((text, name) => {
    const markers = new RegExp(`(<!-- ${name}[^>]*-->\n)[^]*?(<!-- end -->)`)
    if (!markers.test(text)) throw new Error(`${document} has no place for ${name}`)
    return text.replace(markers, (_, start, end) => `${start}\n${name === 'metrics' ? metricsTable() : table(name)}\n\n${end}`)
  }, text)
}

if (process.argv[1] === import.meta.filename) {
  for (const document of Object.keys(tables)) {
    const file = new URL(`../${document}`, import.meta.url)
    writeFileSync(file, withTables(readFileSync(file, 'utf8'), document))
  }
}
