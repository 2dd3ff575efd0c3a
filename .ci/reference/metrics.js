import { read, table } from './source.js'

/** The catalogue, read as text: this script runs without a build. */
export function metricsTable () {
  const entries = read('lib/metrics/catalogue.ts').matchAll(/^ {2}(\w+): \{ type: '(\w+)', help: '((?:[^'\\]|\\.)*)', labels: \[(.*)\] \},?$/gm)
  return table(['metric', 'type', 'labels', ''], [...entries].map(([, name = '', type = '', help = '', labels = '']) =>
    [`\`${name}\``, type, [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => `\`${label}\``).join(', '), help.replaceAll("\\'", "'")]))
}

/** Those of an edge. */
export function fleetMetricsTable () {
  const code = read('lib/fleet/metrics.ts')
  const counted = [...code.matchAll(/new (Counter|Histogram)\(\{ name: '(\w+)', help: '(.*?)', labelNames: \[(.*?)\]/g)].map(([, type = '', name = '', help = '', labels = '']) => [name, type.toLowerCase(), labels, help])
  const gauges = [...code.matchAll(/gauge\('(\w+)', '(.*?)', \[(.*?)\]/g)].map(([, name = '', help = '', labels = '']) => [name, 'gauge', labels, help])
  return table(['metric', 'type', 'labels', ''], [...counted, ...gauges].map(([name = '', type = '', labels = '', help = '']) => [`\`${name}\``, type, labels.replaceAll("'", '`'), help]))
}
