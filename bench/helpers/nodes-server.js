import { once } from 'node:events'
import { createServer } from 'node:http'
import { jsonAnswer } from './answers.js'
import { options, serve } from './child.js'

/* Many nodes as an edge sees them, with the answers of the measurements' engine and no more. All in one process. */

/** @type {{ count: number, models: number, bytes: number }} */
const { count, models, bytes } = options()

const names = ['bench', ...Array.from({ length: models - 1 }, (_, index) => `model-${index}`)]
const list = JSON.stringify({ data: names.map(id => ({ id })) })
const body = (() => {
  const answer = jsonAnswer(bytes)
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4)
})()
let number = 0

/** All of them have the model awake. */
function state () {
  return `id: run-${++number}\nevent: state\ndata: ${JSON.stringify({
    time: Date.now(),
    draining: false,
    models: names.map((id, index) => ({ id, awake: index === 0, waking: false, inFlight: 0, waiting: 0, maxConcurrency: 256, wait: 0, cost: 10_000, serviceTime: 1_000, arrivalRate: 0.0001, gpus: [0], full: false }))
  })}\n\n`
}

const servers = await Promise.all(Array.from({ length: count }, async () => {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return response.end(list)
    if (request.url !== '/admin/state') return request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body))
    response.write(state())
    const timer = setInterval(() => response.write(state()), 1_000)
    response.on('close', () => clearInterval(timer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}))

serve({ urls: () => servers.map(server => `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`) }, async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})
