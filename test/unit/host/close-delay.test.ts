import { expect, test } from 'vitest'
import { givenDelay } from '../../../lib/host/close-delay.ts'

const cli = ['node', '/app/node_modules/.bin/fastify', 'start']

test.for<[string[], NodeJS.ProcessEnv, number | undefined]>([
  [['node', 'server.js'], { FASTIFY_CLOSE_GRACE_DELAY: '100' }, undefined],
  [['node', '/app/node_modules/.bin/fastify', 'generate'], {}, undefined],
  [['node'], {}, undefined],
  [[...cli, 'app.js'], {}, 500],
  [['node', '/app/node_modules/fastify-cli/cli.js', 'start', 'app.js'], {}, 500],
  [[...cli, 'app.js'], { FASTIFY_CLOSE_GRACE_DELAY: '40000' }, 40_000],
  [[...cli, '-g', '10000', 'app.js'], { FASTIFY_CLOSE_GRACE_DELAY: '40000' }, 10_000],
  [[...cli, '--close-grace-delay=20000', 'app.js'], {}, 20_000],
  [[...cli, '--close-grace-delay', 'long'], {}, undefined]
])('%j with %j gives a server %s ms to close', ([argv, env, delay]) => {
  expect(givenDelay(argv, env)).toBe(delay)
})
