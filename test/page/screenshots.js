// Takes the pictures of the page that README and docs show: `npm run screenshots`. Of the demo's traffic, so that no two are alike.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { launch } from './browser.js'

const out = fileURLToPath(new URL('../../docs/page/', import.meta.url))
const bin = fileURLToPath(new URL('../../dist/bundle/cli/bin.js', import.meta.url))
mkdirSync(out, { recursive: true })

const gateway = spawn(process.execPath, [bin, 'serve', '--demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
/** @type {Promise<string>} */
const listening = new Promise(resolve => {
  createInterface(gateway.stdout).on('line', line => {
    const [, url] = /Server listening at (http:\/\/127[\w.:]+)/.exec(line) ?? []
    if (url !== undefined) resolve(url)
  })
})
const url = await listening
const browser = await launch()

/**
 * @param {string} name @param {string} hash
 * @param {{ scheme?: 'light' | 'dark', width?: number, height?: number, before?: (page: import('playwright-core').Page) => Promise<unknown> }} [options]
 */
async function shoot (name, hash, { scheme = 'light', width = 1280, height = 860, before = async () => {} } = {}) {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height }, deviceScaleFactor: name === 'calm' ? 1.5 : 1 })
  await page.goto(`${url}/${hash}`)
  await page.locator('main section').first().waitFor()
  await before(page)
  await delay(1_500)
  await page.screenshot({ path: `${out}${name}.png` })
  await page.close()
  console.log(`docs/page/${name}.png`)
}

/** @param {string} path @param {object} [body] */
const post = (path, body) => fetch(`${url}/admin/${path}`, { method: 'POST', ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) })

/** Until nobody waits, or half a minute has passed. */
async function quiet () {
  for (let second = 0; second < 30; second++) {
    const { status } = /** @type {{ status: { waiting: number } }} */ (await (await fetch(`${url}/admin/overview`)).json())
    if (status.waiting === 0) return
    await delay(1_000)
  }
}

/** Has the lanes show a model that is frozen for another one: the policy does so too, but not at a known moment. */
async function freeze () {
  const { status: { models } } = /** @type {{ status: { models: { name: string, state: string }[] } }} */ (await (await fetch(`${url}/admin/overview`)).json())
  const awake = models.find(({ state }) => state === 'awake')
  const asleep = models.find(({ state }) => state === 'asleep')
  if (awake === undefined || asleep === undefined) return
  const answer = fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: awake.name, messages: [{ role: 'user', content: 'A long one' }], max_tokens: 300, stream: true })
  })
  await delay(2_000)
  await post(`models/${asleep.name}/switch?wait=true`)
  await (await answer).text()
}

try {
  // Until every model has been up, and a start has failed.
  await delay(45_000)
  await post('models/llama-70b/switch?wait=true')
  await delay(45_000)
  await freeze()
  await quiet()
  await shoot('calm', '#/')
  await shoot('failed', '#/model/llama-70b')
  await shoot('what-if', '#/what-if', {
    before: async page => {
      await page.getByRole('button', { name: 'Compare' }).click()
      await page.getByText('shortest').waitFor()
    }
  })
  await shoot('phone', '#/', { width: 390, height: 844, scheme: 'dark' })
  // The demo's storm comes in the last half minute of every third.
  await freeze()
  await delay(Math.max(0, 174_000 - performance.now()))
  await shoot('storm', '#/', { scheme: 'dark', before: page => page.getByRole('button', { name: '2 min' }).click() })
  await shoot('requests', '#/requests')
} finally {
  await browser.close()
  gateway.kill()
  await once(gateway, 'exit')
}
