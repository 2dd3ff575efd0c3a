import ts from 'typescript'
import { comment, findInterface, parse, spellOut, table } from './source.js'

const source = parse('lib/options/types.ts', 'lib/options/policy-options.ts', 'lib/fleet/options.ts')

/** @typedef {{ name: string, type: string, fallback: string, effect: string }} Row */

/** @param {string} interfaceName @returns {Row[]} */
export function rows (interfaceName) {
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
export const optionsTable = interfaceName => table(['option', 'type', 'default', 'effect'],
  rows(interfaceName).map(({ name, type, fallback, effect }) => [`\`${name}\``, `\`${type}\``, fallback, effect]))
