import ts from 'typescript'
import { comment, findInterface, parse, spellOut, table } from './source.js'

const source = parse('lib/events.ts', 'lib/fleet/events.ts')

/** @typedef {{ name: string, when: string, type: ts.InterfaceDeclaration, isChange: boolean }} Event */

/** @param {string} map @returns {Event[]} */
function events (map) {
  return findInterface(source, map).members.filter(ts.isPropertySignature).map(member => {
    const [, typeName = ''] = /^\[(\w+)\]$/.exec(member.type?.getText() ?? '') ?? []
    const type = findInterface(source, typeName)
    const isChange = type.heritageClauses?.[0]?.types[0]?.typeArguments !== undefined
    return { name: member.name.getText(), when: comment(member), type, isChange }
  })
}

/** @param {ts.InterfaceDeclaration} type */
const fields = type => table(['field', 'type', ''], type.members.filter(ts.isPropertySignature).map(member =>
  [`\`${member.name.getText()}${member.questionToken === undefined ? '' : '?'}\``, `\`${spellOut(source, member.type?.getText() ?? '')}\``, comment(member)]))

const codes = (/** @type {string} */ union) => union.replaceAll(/'(\w+)'/g, '`$1`').replaceAll(' | ', ', ')

/** @param {Event[]} all */
const overview = all => table(['event', 'when'], all.map(({ name, when }) => [`[\`${name}\`](#${name})`, when]))
/** @param {Event[]} all */
const sections = all => all.flatMap(({ name, type }) => [`### \`${name}\``, fields(type)])

/** Each event with its own fields, after those that several share. */
export function eventsText () {
  const all = events('LlmuxEventMap')
  const changes = all.filter(({ isChange }) => isChange).map(({ name }) => `\`${name}\``)
  const base = all.filter(({ type }) => type.heritageClauses === undefined).map(({ name }) => `\`${name}\``)
  return [
    overview(all),
    `## Fields\n\nA field with a question mark may be missing. All events but ${base.join(' and ')}, which list all of their fields, have these:`, fields(findInterface(source, 'Happening')),
    `${changes.join(', ')} are changes of state, and also have these:`, fields(findInterface(source, 'StateChange')),
    ...sections(all),
    '## Words in the fields',
    table(['type', 'values', ''], parse('lib/events.ts').statements.filter(ts.isTypeAliasDeclaration).filter(({ type }) => ts.isUnionTypeNode(type) && type.types.every(ts.isLiteralTypeNode))
      .map(alias => [`\`${alias.name.text}\``, codes(alias.type.getText()), comment(alias)]))
  ].join('\n\n')
}

/** Those of an edge. */
export function fleetEventsText () {
  const all = events('FleetEventMap')
  return [overview(all), ...sections(all)].join('\n\n')
}
