/**
 * What the routes share.
 * @typedef {object} App
 * @property {import('../args.js').Config} config
 * @property {import('./engine-client.js').EngineClient} engine
 * @property {import('./scheduler.js').Scheduler} scheduler
 * @property {import('../faults.js').Faults} faults
 * @property {import('../records.js').Records} records
 * @property {import('./seen-requests.js').SeenRequests} seen
 * @property {import('../log.js').Log} log
 * @property {{ sleeping: boolean, valid: boolean, dead: boolean, stopping: boolean, wasSignalled: boolean, level: number }} state as last told by EngineCore
 * @property {Set<string>} spoiltAdapters LoRA adapters whose weights a sleep at level 2 has discarded
 * @property {{ requests: number, finished: number, aborted: number, failed: number, promptTokens: number, tokens: number }} counters
 */

/**
 * @typedef {object} Call one HTTP request, its body read
 * @property {import('node:http').IncomingMessage} req
 * @property {import('node:http').ServerResponse} res
 * @property {string} path
 * @property {Buffer} body
 */

/** @typedef {(app: App, call: Call) => void | Promise<void>} Handler */
/** @typedef {Map<string, Handler>} Routes by `METHOD /path` */

export {}
