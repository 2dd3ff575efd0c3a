import ts from 'typescript'
import { comment, findInterface, parse, read, table } from './source.js'

/** What a module without imports exports. @param {string} path @returns {Promise<Record<string, any>>} */
async function load (path) {
  const { outputText } = ts.transpileModule(read(path), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
  return await import(`data:text/javascript,${encodeURIComponent(outputText)}`)
}

const { knownRoutes, streamingRoutes } = await load('lib/options/routes.ts')
const schemas = await load('lib/admin/schemas.ts')

/** The routes for clients. */
export function routesTable () {
  return table(['route', 'body', 'what it does'], knownRoutes.map(({ path = '', body = '', summary = '', field = '' }) => [
    `\`POST ${path}\``, `${body === 'json' ? 'JSON' : 'multipart'}${field && `: \`${field}\``}`, `${summary}${streamingRoutes.has(path) ? '; streams with `"stream": true`' : ''}`
  ]))
}

/** @param {Record<string, any>} schema */
function parameters ({ querystring, headers, body }) {
  const values = (/** @type {any} */ property) => property.description ?? property.enum?.map((/** @type {string} */ value) => `"${value}"`).join(' or ')
  const list = (/** @type {any} */ object, /** @type {(name: string) => string} */ write) => Object.entries(object?.properties ?? {})
    .map(([name, property]) => `\`${write(name)}\`${values(property) === undefined ? '' : `: ${values(property)}`}`)
  const optional = (/** @type {string} */ name) => body.required.includes(name) ? name : `${name}?`
  return [
    ...list(querystring, name => `?${name}=`),
    ...list(headers, name => name.replaceAll(/(?<=^|-)[a-z]/g, letter => letter.toUpperCase()).replace('Id', 'ID')),
    ...list(body, optional)
  ].join('. ')
}

/** The operators' routes, as they are registered, with what their schemas say. */
export function adminTable () {
  const code = ['index', 'control-routes', 'model-routes', 'request-routes', 'state-feed'].map(name => read(`lib/admin/${name}.ts`)).join('\n')
  const routes = [...code.matchAll(/scope\.(get|post)(?:<.*>)?\('\/(\S+)', \{ schema: (\w+)(?:\('(.*?)'\))?/g)].map(([, method = '', url = '', name = '', summary]) => {
    const schema = summary === undefined ? schemas[name] : schemas[name](summary)
    const rest = schema.params?.properties['*']?.description.replace(/;.*/, '').replace(/\(.*\)/, 'ACTION')
    return [`\`${method.toUpperCase()} ${url.replace('*', rest).replace(':id', 'ID')}\``, parameters(schema), `${schema.summary}${schema.description === undefined ? '' : `. ${schema.description}`}`]
  })
  return table(['route', 'parameters', 'what it does'], routes.sort(([a = ''], [b = '']) => a < b ? -1 : 1))
}

/** The names in an object type, inherited ones included. @param {ts.SourceFile} source @param {ts.TypeLiteralNode | ts.InterfaceDeclaration} type @returns {string[]} */
function namesIn (source, type) {
  const parents = ts.isTypeLiteralNode(type) ? [] : type.heritageClauses?.flatMap(({ types }) => types) ?? []
  return [...type.members.map(member => member.name?.getText() ?? ''), ...parents.flatMap(parent => namesIn(source, findInterface(source, parent.getText())))]
}

/** A parameter as the table shows it; options by their names. @param {ts.SourceFile} source @param {ts.ParameterDeclaration} parameter */
function spell (source, { name, type, questionToken, initializer }) {
  const mark = questionToken === undefined && initializer === undefined ? '' : '?'
  if (!ts.isObjectBindingPattern(name) || type === undefined) return `${name.getText()}${mark}`
  return `{ ${namesIn(source, ts.isTypeLiteralNode(type) ? type : findInterface(source, type.getText())).join(', ')} }${mark}`
}

/** The members of `fastify.llmux`. */
export function facadeTable () {
  const source = parse('lib/host/llmux.ts', 'lib/host/order-options.ts')
  const facade = source.statements.find(statement => ts.isClassDeclaration(statement) && statement.name?.text === 'Llmux')
  const members = /** @type {ts.ClassDeclaration} */ (facade).members.filter(member => member.name !== undefined && !ts.isPrivateIdentifier(member.name))
  return table(['member', ''], members.map(member => [
    `\`${member.name?.getText()}${ts.isMethodDeclaration(member) ? `(${member.parameters.map(one => spell(source, one)).join(', ')})` : ''}\``, comment(member)
  ]))
}

/** The operators' routes of an edge. */
export function fleetAdminTable () {
  const code = read('lib/fleet/admin.ts')
  const [, orders = ''] = /orderSchema: FastifySchema = Object.assign\(schema\('(.*?)'\)/.exec(code) ?? []
  const routes = [...code.matchAll(/scope\.(get|post)(?:<.*>)?\('\/(\S+)', \{ schema: (?:schema\('(.*?)'\)|orderSchema)/g)]
  return table(['route', 'what it does'], routes.map(([, method = '', url = '', summary = orders]) => [`\`${method.toUpperCase()} ${url.replace('*', 'HOST:PORT/…').replace(':host', 'HOST:PORT').replace(':id', 'ID')}\``, summary]))
}
