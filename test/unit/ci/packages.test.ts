import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lock = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, { optional?: boolean, link?: boolean }>
}

test('`npm ci` installs fewer than 400 packages: tools that only some need have packages of their own', () => {
  // Optional ones are for one platform each, and seldom more than two of them fit.
  const installed = Object.entries(lock.packages).filter(([path, { optional = false, link = false }]) => path.startsWith('node_modules/') && !optional && !link)
  expect(installed.length).toBeGreaterThan(100)
  expect(installed.length).toBeLessThan(400)
})
