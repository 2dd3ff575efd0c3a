import { sendDetail, sendJson, sendRedirect } from './http-answers.js'
import { audioRoutes } from './routes/audio.js'
import { controlRoutes } from './routes/control.js'
import { generateRoutes } from './routes/generate.js'
import { loraRoutes } from './routes/lora.js'
import { metaRoutes } from './routes/meta.js'
import { mockRoutes } from './routes/mock.js'
import { poolingRoutes } from './routes/pooling.js'
import { tokenizeRoutes } from './routes/tokenize.js'

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./app.js').Handler} Handler */

/** @param {import('../args.js').Config} config */
function routesOf ({ task, devMode, lora }) {
  return new Map([
    ...metaRoutes,
    ...tokenizeRoutes,
    ...mockRoutes,
    ...(devMode ? controlRoutes : []),
    ...(lora ? loraRoutes : []),
    ...(task === 'pooling' ? [] : generateRoutes),
    ...(task === 'generate' ? [] : [...poolingRoutes, ...(task === 'any' ? audioRoutes : [])])
  ])
}

/** @param {import('../args.js').Config} config */
const guardedPrefixes = ({ isOld }) => isOld ? ['/v1'] : ['/v1', '/v2', '/inference', '/cohere']
const noBody = Buffer.alloc(0)

/** @param {import('../args.js').Config} config @param {import('node:http').IncomingMessage} req @param {string} path */
function isRefused (config, req, path) {
  const { apiKey } = config
  if (apiKey === '' || req.method === 'OPTIONS' || !guardedPrefixes(config).some((prefix) => path.startsWith(prefix))) return false
  const [scheme, token] = (req.headers.authorization ?? '').split(' ')
  return scheme?.toLowerCase() !== 'bearer' || token !== apiKey
}

/** @param {App} app @returns {import('node:http').RequestListener} */
export function createRouter (app) {
  const routes = routesOf(app.config)
  const paths = new Set([...routes.keys()].map((key) => key.slice(key.indexOf(' ') + 1)))
  return (req, res) => {
    const url = req.url ?? '/'
    const cut = url.indexOf('?')
    const path = decode(cut < 0 ? url : url.slice(0, cut))
    if (app.config.accessLog) res.on('close', () => process.stdout.write(`INFO:     127.0.0.1:${req.socket.remotePort} - "${req.method} ${url} HTTP/1.1" ${res.statusCode}\n`))
    if (isRefused(app.config, req, path)) return sendJson(res, 401, { error: 'Unauthorized' })
    const handler = routes.get(`${req.method} ${path}`)
    if (handler === undefined) return sendNotFound(paths, req, res, path)
    if (req.method === 'GET') {
      app.seen.add(req, noBody)
      handler(app, { req, res, path, body: noBody })
      return
    }
    readBody(req, (body) => {
      if (!path.startsWith('/mock/')) app.seen.add(req, body)
      handler(app, { req, res, path, body })
    })
  }
}

/** `/%73leep` is `/sleep` to uvicorn. @param {string} path */
function decode (path) {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path // not an encoding, so it stands for itself
  }
}

/** @param {import('node:http').IncomingMessage} req @param {(body: Buffer) => void} done never called when the client leaves before the end */
function readBody (req, done) {
  /** @type {Buffer[]} */
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => done(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
}

/** @param {Set<string>} paths @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res @param {string} path */
function sendNotFound (paths, req, res, path) {
  req.resume()
  if (paths.has(path)) return sendDetail(res, 405, 'Method Not Allowed')
  if (path.length > 1 && path.endsWith('/') && paths.has(path.slice(0, -1))) return sendRedirect(res, `http://${req.headers.host}${path.slice(0, -1)}`)
  sendDetail(res, 404, 'Not Found')
}
