import { read, table } from './source.js'

/** The catalogue, read as text: this script runs without a build. */
export function metricsTable () {
  const entries = read('lib/metrics/catalogue.ts').matchAll(/^ {2}(\w+): \{ type: '(\w+)', help: '((?:[^'\\]|\\.)*)', labels: \[(.*)\] \},?$/gm)
  return table(['metric', 'type', 'labels', ''], [...entries].map(([, name = '', type = '', help = '', labels = '']) =>
    [`\`${name}\``, type, [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => `\`${label}\``).join(', '), help.replaceAll("\\'", "'")]))
}
