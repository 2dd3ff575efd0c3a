/** @typedef {import('./app.js').App} App */

/** @param {App} app @param {Omit<import('../engine-core/executor.js').Operation, 'id'>} operation */
async function callEngine (app, operation) {
  const answer = await app.engine.call(operation)
  app.state.sleeping = answer.sleeping
  app.state.valid = answer.valid
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer
}

/**
 * Goes on when its caller has given up: closing the HTTP call cancels nothing.
 * @param {App} app @param {number} level 0 only pauses @param {string} mode abort, wait or keep
 */
export async function sleep (app, level, mode) {
  const fault = app.faults.take('sleep')
  app.records.write('sleeping', { level, mode, running: app.scheduler.running, waiting: app.scheduler.waiting })
  app.scheduler.pause(mode === 'keep' ? 'all' : 'new')
  // What came while it slept is waiting, and goes the same way: a second /sleep aborts it.
  if (mode === 'abort') app.scheduler.endAll((job) => job.abort())
  if (mode === 'wait') await app.scheduler.whenIdle()
  if (level === 0) return
  const leak = Number(app.faults.take('memory')?.arg ?? 0)
  await callEngine(app, { op: 'sleep', level, leak, ...(fault && { fault }) })
  app.state.level = level
  if (level === 2) for (const name of Object.keys(app.config.adapters)) app.spoiltAdapters.add(name)
}

/** @param {App} app @param {string[] | undefined} tags @returns {Promise<boolean>} whether it is fully awake */
export async function wakeUp (app, tags) {
  const fault = app.faults.take('wake')
  app.records.write('waking', { tags: tags ?? null })
  const memoryTags = tags?.filter((tag) => tag !== 'scheduling')
  const { sleeping } = memoryTags?.length === 0 && tags?.length !== 0
    ? await callEngine(app, { op: 'is_sleeping' })
    : await callEngine(app, { op: 'wake', ...(memoryTags && { tags: memoryTags }), ...(fault && { fault }) })
  if (!sleeping) app.state.level = 0
  // Older ones let the waiting loose before the last tag is back.
  if (!sleeping || app.config.resumesEarly) app.scheduler.resume()
  return !sleeping
}

/** @param {App} app */
export async function isSleeping (app) {
  const { sleeping } = await callEngine(app, { op: 'is_sleeping' })
  return sleeping || app.scheduler.paused
}

/** @param {App} app */
export async function reloadWeights (app) {
  const fault = app.faults.take('reload')
  await callEngine(app, { op: 'reload', ...(fault && { fault }) })
}

/** @param {App} app */
export async function resetPrefixCache (app) {
  const fault = app.faults.take('reset')
  await callEngine(app, { op: 'reset', ...(fault && { fault }) })
}
