import ts from 'typescript'
import { expect, test } from 'vitest'

const entry = new URL('../../../lib/index.ts', import.meta.url).pathname
const lib = new URL('../../../lib/', import.meta.url).pathname
const program = ts.createProgram([entry], { strict: true, noEmit: true, allowImportingTsExtensions: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'] })
const checker = program.getTypeChecker()
const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)

/** A field of a type of the project that has a name. What stands inline, as `{ any: 1 }`, is explained by the field that it belongs to. */
const isOurs = ({ declarations = [] }: ts.Symbol) => declarations.some(declaration => declaration.getSourceFile().fileName.startsWith(lib) && !ts.isTypeLiteralNode(declaration.parent) && !ts.isObjectLiteralExpression(declaration.parent))
const docs = (symbol: ts.Symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker))

/** The fields of a type and of the types of its fields that show nothing when a reader hovers over them. */
function undocumented (type: ts.Type, path: string, seen = new Set<ts.Type>()): string[] {
  if (seen.has(type)) return []
  seen.add(type)
  const inner = type.isUnionOrIntersection() ? type.types : [...checker.getTypeArguments(type as ts.TypeReference) ?? [], ...[type.getStringIndexType(), type.getNumberIndexType()].filter(Boolean) as ts.Type[]]
  const fields = type.isUnionOrIntersection() ? [] : type.getProperties().filter(isOurs)
  return [
    ...inner.flatMap(each => undocumented(each, path, seen)),
    ...fields.flatMap(field => [
      ...(docs(field) === '' ? [`${path}.${field.name}`] : []),
      ...undocumented(checker.getTypeOfSymbol(field), `${path}.${field.name}`, seen)
    ])
  ]
}

const named = (name: string) => {
  const symbol = exported.find(symbol => symbol.name === name)!
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

test('an editor shows what the plugin is', () => {
  expect(docs(named('default'))).toMatch(/Fastify|OpenAI/)
})

test.each(['LlmuxOptions', 'LlmuxStatus'])('an editor shows what each field of %s is', name => {
  expect(undocumented(checker.getDeclaredTypeOfSymbol(named(name)), name)).toEqual([])
})
