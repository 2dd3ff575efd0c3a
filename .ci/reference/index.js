// The tables of the reference pages, generated from types, comments, schemas and the catalogue, so that each fact has one place.
//
//     npm run readme        writes them between the markers in the documents below
import { writeFileSync } from 'node:fs'
import { adminTable, facadeTable, fleetAdminTable, routesTable } from './api.js'
import { errorsTable } from './errors.js'
import { eventsText, fleetEventsText } from './events.js'
import { fleetMetricsTable, metricsTable } from './metrics.js'
import { optionsTable } from './options.js'
import { read } from './source.js'

const options = (/** @type {string[]} */ ...names) => Object.fromEntries(names.map(name => [name, () => optionsTable(name)]))
const errors = (/** @type {string[]} */ ...groups) => Object.fromEntries(groups.map(group => [`errors: ${group}`, () => errorsTable(group)]))

/** What stands between which markers. @type {Record<string, Record<string, () => string>>} */
export const tables = {
  'docs/reference/options.md': options('LlmuxOptions', 'ModelOptions', 'Timeouts'),
  'docs/policies.md': options('EvenHandedOptions', 'FifoOptions', 'CostAwareOptions', 'TimeSliceOptions', 'SimpleOptions'),
  'docs/reference/metrics.md': { metrics: metricsTable },
  'docs/reference/events.md': { events: eventsText },
  'docs/reference/api.md': { 'fastify.llmux': facadeTable, routes: routesTable },
  'docs/reference/fleet.md': { ...options('FleetOptions', 'DnsNodes'), 'routes of fleetAdmin': fleetAdminTable, 'metrics of fleetMetrics': fleetMetricsTable, 'events of an edge': fleetEventsText },
  'docs/admin.md': { 'operators\' routes': adminTable },
  'docs/errors.md': errors('request', 'edge', 'operators', 'code', 'warnings', 'simulator')
}

/** A document with its tables made anew. @param {string} text @param {string} document */
export function withTables (text, document) {
  return Object.entries(tables[document] ?? {}).reduce((text, [name, make]) => {
    const markers = new RegExp(`(<!-- ${name}: made[^>]*-->\n)[^]*?(<!-- end -->)`)
    if (!markers.test(text)) throw new Error(`${document} has no place for ${name}`)
    return text.replace(markers, (_, start, end) => `${start}\n${make()}\n\n${end}`)
  }, text)
}

if (process.argv[1] === import.meta.filename) {
  for (const document of Object.keys(tables)) writeFileSync(new URL(`../../${document}`, import.meta.url), withTables(read(document), document))
}
