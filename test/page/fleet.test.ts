import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import type { Browser } from 'playwright-core'
import fleet, { fleetAdmin } from '../../lib/fleet/index.ts'
import { fleetPage } from '../../lib/page/index.ts'
import { adminKey, startNode } from '../helpers/fleet.ts'
import { axe, launch } from './browser.js'

// The page of an edge, with a row for each node.

const browser: Browser = await launch()
t.teardown(() => browser.close())
t.setTimeout(240_000)

t.test('nodes are seen, drained and told to switch, and one that is gone is seen to be', async t => {
  const nodes = await Promise.all([startNode(t, { models: ['a', 'b'] }), startNode(t, { models: ['a', 'b'] })])
  const app = Fastify()
  await app.register(fleet, { nodes: nodes.map(({ url }) => url), adminKey, stale: 2_000 })
  await app.register(fleetAdmin, { prefix: '/ops', guard: 'edge-key' })
  await app.register(fleetPage, { prefix: '/ops', guard: 'edge-key' })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const context = await browser.newContext({ viewport: { width: 1280, height: 680 } })
  t.teardown(async () => {
    await context.close()
    await app.close()
  })
  const tab = await context.newPage()
  const complaints: string[] = []
  tab.on('pageerror', error => complaints.push(String(error)))
  tab.on('console', message => { if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text()) })
  const [first, second] = nodes.map(node => new URL(node.url).host) as [string, string]
  const row = (host: string) => tab.locator('tr.node', { hasText: host })
  const shows = async (host: string, text: string) => {
    await row(host).getByText(text).first().waitFor({ timeout: 20_000 })
    t.pass(`${text} is seen`)
  }
  const press = async (name: string, answer: string) => {
    await tab.getByRole('button', { name, exact: true }).click()
    await tab.getByRole('dialog').getByRole('button', { name: answer, exact: true }).click()
  }

  await tab.goto(`${url}/ops/`)
  await tab.getByLabel('Operators\' key').fill('edge-key')
  await tab.keyboard.press('Enter')
  await tab.getByText('2 nodes up').waitFor()
  await tab.locator('tr.of-node summary').first().click()
  await press(`Switch ${first} to b`, 'Switch')
  await row(first).locator('.tag', { hasText: /^b$/ }).waitFor()
  t.equal(nodes[0].app.llmux.status().models.find(({ name }) => name === 'b')?.state, 'awake')
  await press(`Drain ${second}`, 'Drain')
  await shows(second, 'draining')
  await tab.getByRole('button', { name: `Let ${second} take requests again` }).click()
  await shows(second, 'up')
  await tab.evaluate(readFileSync(axe, 'utf8'))
  const { violations } = await tab.evaluate('axe.run()') as { violations: Array<{ id: string, nodes: Array<{ html: string }> }> }
  t.same(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [])
  if (process.env['PAGE_SCREENSHOT'] !== undefined) await tab.screenshot({ path: process.env['PAGE_SCREENSHOT'] })
  await nodes[1].close()
  await shows(second, 'out')
  await tab.getByText('1 of 2 nodes up').waitFor()
  await tab.getByText(`${second} is out`).first().waitFor()
  t.same(complaints, [])
})
