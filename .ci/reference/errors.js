import { read, table } from './source.js'

/** The error classes of one group of `lib/errors.ts`. @param {string} group */
export function errorsTable (group) {
  const [, text] = new RegExp(`^// Group: ${group}\n([^]*?)(?=^// Group: |(?![^]))`, 'm').exec(read('lib/errors.ts')) ?? []
  if (text === undefined) throw new Error(`lib/errors.ts has no group ${group}`)
  const entries = text.matchAll(/^\/\*\* (.*) \*\/\nexport const (\w+) = make<.*>\('(\w+)', '.*', (\d+)\)$/gm)
  return table(['code', 'class', 'status', 'when'], [...entries].map(([, doc = '', name = '', code = '', status = '']) =>
    [`\`LLMUX_ERR_${code}\``, `\`${name}\``, status, doc.replace(/ Arguments?: .*$/, '')]))
}
