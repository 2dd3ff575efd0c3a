import ts from 'typescript'

/** What a string must have to be a sentence and not a name, a path or a key: two spaces between words. Screens of help are tables. */
const isProse = text => text.split('\n').length < 10 && /[a-z]{2,} .*[a-z]{2,} .*[a-z]{2,}/.test(text)

/** Comments of lib and page, as prose on the lines where they stand. */
function commentsOf (text, source) {
  const ranges = new Map()
  const visit = node => {
    for (const range of [...ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [], ...ts.getTrailingCommentRanges(text, node.getEnd()) ?? []]) ranges.set(range.pos, range)
    for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  // Lines that begin with slashes, one below the other, are one comment.
  const merged = []
  for (const { pos, end } of [...ranges.values()].sort((a, b) => a.pos - b.pos)) {
    const last = merged.at(-1)
    if (last !== undefined && text.startsWith('//', pos) && /^\n[ \t]*$/.test(text.slice(last.end, pos))) last.end = end
    else merged.push({ pos, end })
  }
  return merged.map(({ pos, end }) => [pos, text.slice(pos, end).replace(/^[ \t]*(?:\/\*\*?|\*\/|\*(?!\/)|\/\/)|\*\/$/gm, ' ').replace(/@\w+(?: \{[^}]*\})?/g, ' ')])
}

/** Strings that are sentences: log lines, messages of errors, texts of the page. Of tests only their titles. */
function stringsOf (source, isTest) {
  const found = []
  const visit = node => {
    const isText = ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isJsxText(node)
    const isTitle = ts.isCallExpression(node.parent ?? node) && node.parent.arguments[0] === node && /^(?:t\.)?(?:test|describe|it)(?:\.\w+)?$|^(?:test|describe)\.(?:each|for)/.test(node.parent.expression.getText(source))
    if (isText && (!isTest || isTitle)) found.push([node.getStart(source), node.text])
    if (ts.isTemplateExpression(node) && (!isTest || isTitle)) found.push([node.getStart(source), [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('`X`')])
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found.filter(([, text]) => isProse(text))
}

/** The prose of a source file: each comment and each sentence a paragraph of its own, all other lines empty. @param {() => string} code stands for a piece of code */
export function codeTexts (path, text, code) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const isTest = path.startsWith('test/')
  return [...isTest ? [] : commentsOf(text, source), ...stringsOf(source, isTest)]
    .map(([pos, prose]) => ({ line: source.getLineAndCharacterOfPosition(pos).line + 1, text: prose.replace(/`[^`]*`|%[sd]/g, code).replace(/\s*\n\s*/g, ' ') }))
}
