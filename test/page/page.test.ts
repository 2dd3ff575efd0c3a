import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { Browser, Page } from 'playwright-core'
import admin from '../../lib/admin/index.ts'
import page from '../../lib/page/index.ts'
import { startGateway } from '../helpers/gateway.ts'
import { axe, launch } from './browser.js'

// The page as somebody sees it who has to act on it: `npm run test:page`.

const key = 'sk-admin-4e'
const browser: Browser = await launch()
t.teardown(() => browser.close())
t.setTimeout(240_000)

interface Options { guard?: string | false, scheme?: 'light' | 'dark', width?: number }

/** A gateway with the page, and a browser that looks at it. What the page asks of other origins, and what it complains of, fails the test. */
async function open (t: Test, { guard = false, scheme = 'light', width = 1280 }: Options = {}) {
  const gateway = await startGateway({
    models: { a: {}, b: {}, broken: { args: ['--mock-fault', 'start=exit@1/50'] } },
    mock: { 'start-ms': 300, 'wake-ms': 50, 'token-ms': 5 },
    async after (app: FastifyInstance) {
      await app.register(admin, { prefix: '/ops', guard })
      await app.register(page, { prefix: '/ops', guard })
    }
  })
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 } })
  const tab = await context.newPage()
  const elsewhere: string[] = []
  const complaints: string[] = []
  await context.route('**', async route => {
    if (!route.request().url().startsWith(gateway.url) && !route.request().url().startsWith('data:')) elsewhere.push(route.request().url())
    await route.continue()
  })
  tab.on('pageerror', error => complaints.push(String(error)))
  tab.on('console', message => { if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text()) })
  t.teardown(async () => {
    await context.close()
    await gateway.close()
  })
  const judge = () => {
    t.same(elsewhere, [], 'nothing is asked of another origin')
    t.same(complaints, [], 'and nothing is refused by the policy, or breaks')
  }
  const visit = async (hash = '#/') => await tab.goto(`${gateway.url}/ops/${hash}`)
  return { ...gateway, tab, visit, context, judge }
}

/** Each with a gateway and a window of its own. */
function scenario (name: string, options: Options, play: (t: Test, scene: Awaited<ReturnType<typeof open>>) => Promise<void>): void {
  t.test(name, async t => {
    const scene = await open(t, options)
    await play(t, scene)
    scene.judge()
  })
}

const card = (tab: Page, name: string) => tab.locator('.model', { has: tab.getByRole('heading', { name, exact: true }) })

/** Fails with what was looked for if it does not come. */
async function seen (t: Test, tab: Page, text: string | RegExp, within = 'body'): Promise<void> {
  await tab.locator(within).getByText(text).first().waitFor({ timeout: 20_000 })
  t.pass(String(text))
}

async function confirm (tab: Page, label: string): Promise<string> {
  const dialog = tab.getByRole('dialog')
  const text = await dialog.innerText()
  await dialog.getByRole('button', { name: label, exact: true }).click()
  return text
}

scenario('one signs in with the key once, and out again', { guard: key }, async (t, { tab, visit, context }) => {
  await visit()
  await tab.getByLabel('Operators\' key').fill('wrong')
  await tab.keyboard.press('Enter')
  await seen(t, tab, 'the admin key is missing or wrong')
  await tab.getByLabel('Operators\' key').fill(key)
  await tab.keyboard.press('Enter')
  await seen(t, tab, 'No model is awake')
  const [cookie, ...others] = await context.cookies()
  t.match(cookie, { httpOnly: true, sameSite: 'Strict', path: '/ops' })
  t.same(others, [])
  t.notOk(await tab.evaluate('document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)').then(text => String(text).includes(key)), 'no script can read the key')
  await tab.reload()
  await seen(t, tab, 'No model is awake')
  await tab.getByRole('button', { name: 'Sign out' }).click()
  await tab.getByLabel('Operators\' key').waitFor()
})

scenario('a switch is seen, with who is in flight and who waits, and what comes next', {}, async (t, { tab, visit, chat, app }) => {
  await visit()
  const long = chat('a', 'hi', { stream: true, max_tokens: 100_000 })
  await seen(t, tab, 'a is awake', '.hero')
  const waiting = chat('b', 'hi')
  await seen(t, tab, 'a is finishing, then b takes over', '.hero')
  await seen(t, tab, /1 request still in flight, 1 waits for b/, '.hero')
  await seen(t, tab, '1 waiting', '.models')
  const { inFlight: [held] } = app.llmux.requests()
  await tab.getByRole('button', { name: `End request ${held!.request}` }).click()
  t.match(await confirm(tab, 'End it'), /503, or a broken stream/)
  t.equal((await waiting).status, 200)
  await (await long).text().catch(() => {})
  await seen(t, tab, 'b is awake', '.hero')
  await tab.getByText(/\d switches, with phases and reasons/).click()
  await seen(t, tab, 'a → b', '.switches')
  await tab.getByRole('link', { name: 'Requests' }).click()
  await seen(t, tab, 'REQUEST_CUT', '.card')
})

scenario('a failed start is seen, with the engine’s last lines', {}, async (t, { tab, visit, chat }) => {
  await visit()
  t.equal((await chat('broken', 'hi')).status, 503)
  await seen(t, tab, 'failed', '.models')
  await seen(t, tab, /the process of model `broken` died: exit code 1/, '.models')
  await tab.getByRole('link', { name: 'broken', exact: true }).click()
  await seen(t, tab, /its last lines:/, '.error-text')
  await tab.locator('.log pre').getByText(/non-default args/).waitFor()
  await tab.getByLabel('Filter the log').fill('nothing has this in it')
  await seen(t, tab, 'No line contains that.', '.log')
  await tab.getByLabel('Filter the log').fill('NON-default')
  t.match((await tab.locator('.log pre').innerText()).split('\n').length, 1)
})

scenario('each action does what it says', {}, async (t, { tab, visit, app }) => {
  await visit()
  const press = async (name: string, model: string, label: string) => {
    await card(tab, model).getByRole('button', { name }).first().click()
    return await confirm(tab, label)
  }
  const becomes = (model: string, state: string) => card(tab, model).locator('.chip', { hasText: state }).waitFor({ timeout: 20_000 })
  await press('Switch to a', 'a', 'Switch')
  await becomes('a', 'awake')
  t.match(await press('Switch to b', 'b', 'Switch'), /a goes to sleep if it must make room/)
  await becomes('b', 'awake')
  await becomes('a', 'asleep')
  await press('put b to sleep at level 2', 'b', 'Put to sleep')
  await becomes('b', 'asleep · level 2')
  const { pid } = app.llmux.status().models[0]!
  t.match(await press('Restart a', 'a', 'Restart'), /No request is in flight/)
  await becomes('a', 'awake')
  t.not(app.llmux.status().models[0]!.pid, pid)
  await press('Stop a', 'a', 'Stop')
  await becomes('a', 'stopped')
  await press('Pin b', 'b', 'Pin')
  await card(tab, 'b').getByText('pinned').waitFor()
  await card(tab, 'b').getByRole('button', { name: 'Unpin' }).click()
  await card(tab, 'b').getByText('pinned').waitFor({ state: 'detached' })
  t.match(await press('Disable a', 'a', 'Disable'), /refused with 503/)
  await card(tab, 'a').getByText('disabled').waitFor()
  t.same(app.llmux.status().disabled, ['a'])
  await card(tab, 'a').getByRole('button', { name: 'Enable a' }).click()
  await card(tab, 'a').getByText('disabled').waitFor({ state: 'detached' })
  await tab.getByRole('button', { name: 'Pause' }).click()
  await confirm(tab, 'Pause traffic')
  await seen(t, tab, 'Traffic is paused: no request is admitted.')
  await tab.getByRole('button', { name: 'Resume' }).click()
  await tab.getByText('Traffic is paused: no request is admitted.').waitFor({ state: 'detached' })
  // What fails is told, too.
  await press('Switch to broken', 'broken', 'Switch')
  await becomes('broken', 'failed')
})

scenario('a lost connection is told, and taken up again where it was', {}, async (t, { tab, visit, app, context }) => {
  await visit()
  await seen(t, tab, 'No model is awake')
  await context.setOffline(true)
  await app.llmux.switchTo('a')
  await seen(t, tab, /No connection to the gateway/)
  await context.setOffline(false)
  await tab.getByText(/No connection to the gateway/).waitFor({ state: 'detached', timeout: 30_000 })
  await seen(t, tab, 'a is awake', '.hero')
  await tab.getByText(/1 switch, with/).waitFor()
})

scenario('a model is tried, with the wait told', {}, async (t, { tab, visit, app }) => {
  await visit('#/try')
  // The wait is to last until it has been seen.
  app.llmux.pause({ what: 'switching' })
  await tab.getByLabel('Model', { exact: true }).selectOption('b')
  await tab.getByLabel('Your message').fill('Why?')
  await tab.keyboard.press('Enter')
  await seen(t, tab, /Waits for b, place 1/)
  app.llmux.resume()
  await seen(t, tab, /served=b/, '.message.assistant')
  await seen(t, tab, /first word after/)
})

scenario('what an action will do to requests in flight is said before it is confirmed, and who holds GPU memory', {}, async (t, { tab, visit, chat }) => {
  const long = chat('a', 'hi', { stream: true, max_tokens: 100_000 })
  await visit()
  await seen(t, tab, 'a is awake', '.hero')
  await seen(t, tab, '1 in flight', '.models')
  const says = async (button: string, model: string) => {
    await card(tab, model).getByRole('button', { name: button }).first().click()
    const text = await tab.getByRole('dialog').innerText()
    await tab.getByRole('button', { name: 'Cancel' }).click()
    return text
  }
  t.match(await says('Put a to sleep at level 1', 'a'), /may end first.*then they are frozen, and continue when a is next awake/)
  t.match(await says('put a to sleep at level 2', 'a'), /may end first.*then they are cut/, 'at a deeper level than its own nothing can be frozen')
  t.match(await says('Stop a', 'a'), /may end first.*then they are cut/)
  t.match(await says('Switch to b', 'b'), /1 request in flight: frozen at once where possible/)
  await tab.locator('.memory', { hasText: 'GPU 0' }).locator('.parts', { hasText: /^a / }).waitFor({ timeout: 20_000 })
  t.equal(await tab.locator('.memory', { hasText: 'GPU 0' }).getByText('possibly others').count(), 0)
  await (await long).body?.cancel()
})

scenario('the policies are compared on the requests that were seen', {}, async (t, { tab, visit, chat }) => {
  await Promise.all(['a', 'b', 'a', 'b'].map(model => chat(model, 'hi')))
  await visit('#/what-if')
  await tab.getByRole('button', { name: 'Compare' }).click()
  await seen(t, tab, /4 requests for 2 models/)
  await tab.getByRole('button', { name: 'Use simple' }).click()
  await seen(t, tab, 'policy: \'simple\'')
  t.equal(await tab.locator('figure img').count(), 5)
  t.ok(await tab.getByLabel('Measured costs take precedence').isChecked(), 'with the costs that were learned')
  t.ok(await tab.getByLabel('Requests in flight may be frozen').isChecked(), 'and with freezing, as the models have it')
  await tab.locator('input[type=file]').setInputFiles({ name: 'own.csv', mimeType: 'text/csv', buffer: Buffer.from('time_s,model\n1,a\n') })
  await tab.getByRole('button', { name: 'Compare' }).click()
  await seen(t, tab, /no column `service_s`/)
})

scenario('five thousand events cost no memory, and no frame is late', {}, async (t, { tab, visit, app }) => {
  await visit()
  await seen(t, tab, 'No model is awake')
  const storm = (count: number) => {
    for (let index = 0; index < count; index++) {
      const time = performance.timeOrigin + performance.now()
      app.llmux.events.emit('response', { time, request: `r${index}`, model: 'a', route: '/v1/completions', status: 200, outcome: 'ok', queued: index, firstByte: 5, duration: 50, replays: 0, received: 10, sent: 10 })
      if (index % 10 === 0) app.llmux.events.emit('transition', { time, model: 'a', wake: 'a', from: 'waking', to: 'idle', reason: 'a request waits for it', duration: 5, evict: ['b'], phases: { draining: 3, waking: 5 }, outcome: 'done' })
    }
  }
  const heap = async () => Number(await tab.evaluate('gc(), gc(), performance.memory.usedJSHeapSize'))
  await tab.evaluate('window.late = []; new PerformanceObserver(list => window.late.push(...list.getEntries().map(entry => entry.duration))).observe({ type: "longtask" })')
  const inPieces = async (count: number) => {
    for (let sent = 0; sent < count; sent += 100) {
      storm(100)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await tab.waitForFunction('document.querySelector(".figures").innerText.includes("of 2000")')
  }
  await inPieces(5_000)
  const before = await heap()
  await inPieces(5_000)
  const after = await heap()
  t.ok(after - before < 2_000_000, `the heap has grown by ${after - before} bytes`)
  t.same((await tab.evaluate('window.late') as number[]).filter(duration => duration > 50 * slowness), [], 'no task holds a frame up')
})

/** Of this machine: shared ones hold a task up by themselves. */
const slowness = Number(process.env['PAGE_TEST_SLOWNESS'] ?? 2)

for (const scheme of ['light', 'dark'] as const) {
  scenario(`whoever cannot see or point finds the way: axe-core, ${scheme}`, { scheme }, async (t, { tab, visit, chat, app }) => {
    await chat('a', 'hi')
    await chat('broken', 'hi')
    await app.llmux.disable('b')
    for (const hash of ['#/', '#/requests', '#/try', '#/what-if', '#/model/broken']) {
      await visit(hash)
      await tab.locator('main section').first().waitFor()
      // Not as a script of the page's, which its policy refuses.
      await tab.evaluate(readFileSync(axe, 'utf8'))
      const { violations } = await tab.evaluate('axe.run()') as { violations: Array<{ id: string, nodes: Array<{ html: string, failureSummary: string }> }> }
      t.same(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`), [], hash)
    }
    await visit('#/')
    await tab.getByRole('button', { name: 'Disable a' }).focus()
    await tab.keyboard.press('Enter')
    await tab.getByRole('dialog').waitFor()
    t.equal(await tab.evaluate('document.activeElement.closest("dialog") !== null'), true, 'the question has the focus')
    await tab.keyboard.press('Escape')
    await tab.getByRole('dialog').waitFor({ state: 'detached' })
    t.same(app.llmux.status().disabled, ['b'], 'and Escape does nothing')
  })
}

scenario('on a phone nothing is wider than the screen', { width: 375 }, async (t, { tab, visit, chat }) => {
  await chat('a', 'hi')
  for (const hash of ['#/', '#/requests', '#/try', '#/what-if', '#/model/a']) {
    await visit(hash)
    await tab.locator('main section').first().waitFor()
    t.ok(Number(await tab.evaluate('document.documentElement.scrollWidth')) <= 375, hash)
  }
})
