import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const { scripts, engines } = JSON.parse(read('package.json')) as { scripts: Record<string, string>, engines: { node: string } }

interface Workflow { jobs: Record<string, { steps: Array<{ run?: string }>, strategy?: { matrix: { node?: number[] } } }> }

describe.for(readdirSync(new URL('.github/workflows', root)))('%s', file => {
  const { jobs } = parse(read(`.github/workflows/${file}`)) as Workflow

  test('runs only scripts and files that there are', () => {
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run = '' }) => run.split('\n')))
    expect(commands.filter(command => command !== '').length).toBeGreaterThan(1)
    for (const command of commands) {
      const [, script] = /^npm (?:run )?(test|[\w:]+)$/.exec(command) ?? []
      if (script !== undefined && script !== 'ci') expect(scripts, command).toHaveProperty([script])
      for (const [path] of command.matchAll(/(?<=^|\s)(?:\.ci|test)\/\S+/g)) expect(existsSync(new URL(path, root)), path).toBe(true)
    }
  })
})

test('the matrix begins with the oldest Node.js that the package allows', () => {
  const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow
  const [oldest] = jobs['node']!.strategy!.matrix.node!
  expect(engines.node).toMatch(new RegExp(`^>=${oldest}\\.`))
})

test('Dependabot looks where there are packages', () => {
  const { updates } = parse(read('.github/dependabot.yml')) as { updates: Array<{ 'package-ecosystem': string, directories?: string[] }> }
  const folders = updates.flatMap(({ directories = [] }) => directories)
  expect(folders.length).toBeGreaterThan(1)
  for (const folder of folders) expect(existsSync(new URL(`.${folder}/package-lock.json`, root)), folder).toBe(true)
})

test('forms for issues have what GitHub asks of them', () => {
  for (const file of ['bug.yml', 'feature.yml']) {
    const form = parse(read(`.github/ISSUE_TEMPLATE/${file}`)) as { name: string, description: string, body: Array<{ type: string, attributes: { label: string } }> }
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    for (const { type, attributes } of form.body) expect([type, typeof attributes.label]).toEqual([expect.stringMatching(/^(textarea|input|checkboxes)$/), 'string'])
  }
})

test('nothing is published while the owner of the repository is not filled in', async () => {
  const { code, stderr } = await new Promise<{ code: unknown, stderr: string }>(resolve => {
    execFile(process.execPath, ['.ci/publishable.js'], { cwd: root }, (error, _stdout, stderr) => resolve({ code: error?.code ?? 0, stderr }))
  })
  if (read('package.json').includes('OWNER-TO-FILL-IN')) {
    expect(code).toBe(1)
    expect(stderr).toContain('repository')
  } else expect(code).toBe(0)
})
