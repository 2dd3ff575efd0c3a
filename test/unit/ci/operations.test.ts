import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { catalogue } from '../../../lib/metrics/catalogue.ts'
import { defaultTimeouts } from '../../../lib/options/defaults.ts'

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

/** The rows of the table whose header begins so, as cells without backticks at their ends. */
function table (path: string, header: string): string[][] {
  const docs = source(path)
  const [, rows = ''] = new RegExp(`^\\| ${header} \\|.*\\n\\|[-|]+\\|\\n((?:\\|.*\\n)+)`, 'm').exec(docs) ?? []
  return rows.trim().split('\n').map(row => row.split('|').slice(1, -1).map(cell => cell.trim()))
}

const words = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)

describe('the docs name', () => {
  test('every metric with its type and labels, and none that is not there', () => {
    const stated = table('docs/reference/metrics.md', 'metric').map(([name, type, labels]) => [words(name)[0], { type, labels: words(labels) }])
    const real = Object.entries(catalogue).map(([name, { type, labels }]) => [name, { type, labels: [...labels] }])
    expect(stated).toEqual(real)
  })

  test('every file in deploy', () => {
    const files = table('docs/operations.md', 'file').flatMap(([cell]) => words(cell))
    for (const file of files) expect(existsSync(new URL(`../../../deploy/${file}`, import.meta.url)), file).toBe(true)
  })
})

/** The metrics of an expression: those that are ours by their names, without what a histogram adds. */
function metricsOf (expression: string): string[] {
  return [...expression.matchAll(/\b(llmux_|gen_ai_server_)\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')).filter(name => name !== 'gen_ai_request_model')
}

const selectors = (expression: string) => [...expression.matchAll(/\b((?:llmux_|gen_ai_server_)\w+)\{([^}]*)\}/g)]
  .map(([, name, labels]) => ({ name: name!.replace(/_(bucket|sum|count)$/, ''), labels: [...labels!.matchAll(/(\w+)=/g)].map(([, label]) => label!) }))

function expectKnown (expressions: string[]): void {
  expect(expressions.length).toBeGreaterThan(5)
  for (const expression of expressions) {
    expect(metricsOf(expression).length, expression).toBeGreaterThan(0)
    for (const name of metricsOf(expression)) expect(Object.keys(catalogue), expression).toContain(name)
    for (const { name, labels } of selectors(expression)) {
      const known: readonly string[] = ['instance', 'le', ...catalogue[name as keyof typeof catalogue].labels]
      for (const label of labels) expect(known, expression).toContain(label)
    }
  }
}

interface Rule { alert: string, expr: string, labels: { severity: string }, annotations: { summary: string, description: string } }
interface Panel { id: number, title: string, description: string, targets: Array<{ expr: string }>, gridPos: { x: number, y: number, w: number, h: number } }

describe('the alert rules', () => {
  const [document] = parseAllDocuments(source('deploy/alerts.yaml'))
  const { groups } = document!.toJS() as { groups: Array<{ rules: Rule[] }> }
  const rules = groups.flatMap(({ rules }) => rules)

  test('use metrics and labels that exist', () => expectKnown(rules.map(({ expr }) => expr)))

  test('say what is the matter and what to do', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(['page', 'ticket'], alert).toContain(labels.severity)
      expect(annotations.summary.length * annotations.description.length, alert).toBeGreaterThan(0)
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })

  const promtool = ['/usr/bin/promtool', '/usr/local/bin/promtool'].find(path => existsSync(path))
  // Not skipped, which the CI counts as failed: where there is no promtool, as on most machines, there is nothing to ask.
  if (promtool !== undefined) {
    test('are right for promtool', () => {
      const text = execFileSync(promtool, ['check', 'rules', 'deploy/alerts.yaml'], { cwd: new URL('../../..', import.meta.url), encoding: 'utf8' })
      expect(text).toContain(`SUCCESS: ${rules.length} rules found`)
    })
  }
})

describe('the dashboard', () => {
  const { panels } = JSON.parse(source('deploy/grafana-dashboard.json')) as { panels: Panel[] }

  test('uses metrics and labels that exist', () => expectKnown(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))))

  test('describes each panel, and no panel covers another', () => {
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, i) => `${x + i % w},${y + Math.floor(i / w)}`))
    expect(new Set(places).size).toBe(places.length)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { title, description } of panels) expect(description, title).toMatch(/\.$/)
  })
})

describe('what runs the gateway', () => {
  const { grace, stop } = defaultTimeouts
  /** Seconds that the gateway may take for its end: see `closeOnSignals`. */
  const longest = (grace + stop + 10_000) / 1_000

  test('Kubernetes: one replica that nothing rolls over, probed at its health routes, with time for its end', () => {
    const [deployment, service] = parseAllDocuments(source('deploy/kubernetes.yaml')).map(document => {
      expect(document.errors).toEqual([])
      return document.toJS()
    })
    const { replicas, strategy, template: { spec, metadata } } = deployment.spec
    const [container] = spec.containers
    expect({ replicas, strategy }).toEqual({ replicas: 1, strategy: { type: 'Recreate' } })
    const [, pause] = container.lifecycle.preStop.exec.command
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(longest + Number(pause))
    expect(container.livenessProbe.httpGet.path).toBe('/health/live')
    expect(container.readinessProbe.httpGet.path).toBe('/health/ready')
    expect(service.spec.selector).toEqual(metadata.labels)
    expect(deployment.spec.selector.matchLabels).toEqual(metadata.labels)
  })

  test('Kubernetes, several machines: nodes with a GPU and a disk, drained before they go; edges that find them; more nodes as waits grow', () => {
    const documents = parseAllDocuments(source('deploy/kubernetes-fleet.yaml')).map(document => {
      expect(document.errors).toEqual([])
      return document.toJS()
    })
    const find = (kind: string, name: string) => documents.find(one => one.kind === kind && one.metadata.name === name)
    const nodes = find('StatefulSet', 'llmux-node')
    const edges = find('Deployment', 'llmux-edge')
    for (const { spec } of [nodes, edges]) {
      const [container] = spec.template.spec.containers
      expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels)
      expect(container.livenessProbe.httpGet.path).toBe('/health/live')
      expect(container.readinessProbe.httpGet.path).toBe('/health/ready')
      const mounts = container.volumeMounts.map(({ name }: { name: string }) => name).sort()
      const volumes = [...spec.template.spec.volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }: any) => metadata)].map(({ name }) => name).sort()
      expect(mounts).toEqual(volumes)
    }
    for (const [name, { spec }] of [['llmux-node', nodes], ['llmux-edge', edges]] as const) expect(find('PodDisruptionBudget', name).spec.selector).toEqual(spec.selector)
    const [node] = nodes.spec.template.spec.containers
    expect(node.resources.limits['nvidia.com/gpu']).toBe(1)
    expect(node.lifecycle.preStop.exec.command.at(-1)).toContain('/admin/drain?wait=true')
    expect(nodes.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(longest + 300)
    const { clusterIP, selector, ports: [port] } = find('Service', nodes.spec.serviceName).spec
    expect({ clusterIP, selector }).toEqual({ clusterIP: 'None', selector: nodes.spec.template.metadata.labels })
    const [edge] = edges.spec.template.spec.containers
    expect(edge.env).toContainEqual({ name: 'NODES_DNS', value: nodes.spec.serviceName })
    expect(source('deploy/edge.js')).toContain(`NODES_PORT = '${port.port}'`)
    expect(find('Service', 'llmux').spec.selector).toEqual(edges.spec.template.metadata.labels)
    const { scaleTargetRef, triggers: [{ metadata: { query } }] } = find('ScaledObject', 'llmux-node').spec
    expect(scaleTargetRef).toEqual({ kind: 'StatefulSet', name: 'llmux-node' })
    const [metric] = /llmux_\w+/.exec(query)!
    expect(source('lib/fleet/metrics.ts')).toContain(`'${metric}'`)
  })

  test('systemd: signals the gateway alone, and waits for its end', () => {
    const unit = source('deploy/llmux.service')
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]
    expect(value('KillMode')).toBe('mixed')
    expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(longest)
    expect(value('ExecStart')).toContain('example-app/server.js')
    // Nothing but sections, comments and settings.
    for (const line of unit.split('\n')) expect(line).toMatch(/^(#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=.+)?$/)
  })

  test('Docker: a base image by argument, an init as PID 1, and nothing as root', () => {
    const lines = source('deploy/Dockerfile').split('\n').filter(line => line !== '' && !line.startsWith('#'))
    for (const line of lines) expect(line).toMatch(/^(ARG|FROM|WORKDIR|COPY|RUN|USER|ENV|EXPOSE|HEALTHCHECK|STOPSIGNAL|ENTRYPOINT|CMD) \S/)
    // An argument before the first stage is known in FROM only.
    expect(lines.slice(0, 2)).toEqual([expect.stringMatching(/^ARG BASE_IMAGE=\S+:\S+$/), expect.stringMatching(/^ARG NODE_IMAGE=/)])
    expect(lines.filter(line => line.startsWith('FROM'))).toEqual(['FROM ${NODE_IMAGE} AS build', 'FROM ${BASE_IMAGE}']) // eslint-disable-line no-template-curly-in-string
    const at = (start: string) => lines.findIndex(line => line.startsWith(start))
    expect(at('ENTRYPOINT ["/usr/bin/tini", "--"]')).toBeGreaterThan(at('USER llmux'))
    expect(at('USER llmux')).toBeGreaterThan(at('RUN useradd'))
    for (const line of lines.filter(line => /^(ENTRYPOINT|CMD)/.test(line))) expect(() => JSON.parse(line.replace(/^\w+ /, ''))).not.toThrow()
  })
})
