import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** @param {string} path */
export const read = path => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** One source file, or several read as one. @param {string[]} paths */
export function parse (...paths) {
  return ts.createSourceFile('all.ts', paths.map(read).join('\n'), ts.ScriptTarget.Latest, true)
}

/** @param {ts.SourceFile} source @param {string} name @returns {ts.InterfaceDeclaration} */
export function findInterface (source, name) {
  const found = source.statements.find(statement => ts.isInterfaceDeclaration(statement) && statement.name.text === name)
  if (found === undefined) throw new Error(`no interface ${name}`)
  return /** @type {ts.InterfaceDeclaration} */ (found)
}

/** The union behind a type's name; other types as they are written. @param {ts.SourceFile} source @param {string} text */
export function spellOut (source, text) {
  for (const statement of source.statements) {
    if (ts.isTypeAliasDeclaration(statement) && statement.name.text === text && ts.isUnionTypeNode(statement.type)) return statement.type.getText()
  }
  return text
}

/** The doc comment without its tags, in one line. @param {ts.Node} node */
export function comment (node) {
  return ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).map(doc => ts.getTextOfJSDocComment(doc.comment) ?? '').join(' ').replace(/\s+/g, ' ').trim()
}

/** @param {string[]} heads @param {string[][]} rows */
export function table (heads, rows) {
  const line = (/** @type {string[]} */ cells) => `|${cells.map(cell => cell === '' ? ' ' : ` ${cell.replaceAll('|', '\\|')} `).join('|')}|`
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}
