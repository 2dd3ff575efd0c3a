import { existsSync } from 'node:fs'
import { sendError, sendText } from '../http-answers.js'
import { jsonBody } from './json-body.js'

/** @typedef {import('../app.js').Handler} Handler */

/** `OpenAIServingModels.load_lora_adapter`. @type {Handler} */
function onLoad (app, call) {
  const { res } = call
  const { config, engine, faults, records, state } = app
  const { lora_name: name, lora_path: path } = jsonBody(call) ?? {}
  if (res.headersSent) return
  const fault = faults.take('lora')
  records.write('load-lora', { name, fault: fault?.kind })
  if (fault?.kind === 'hang') return
  // An engine that sleeps has no memory to load into.
  if (fault?.kind === 'die' || state.sleeping) return engine.kill('SIGKILL')
  if (fault?.kind === '500') return sendError(res, 500, 'InternalServerError', 'mock fault')
  if (!name || !path) return sendError(res, 400, 'InvalidUserInput', "Both 'lora_name' and 'lora_path' must be provided.")
  if (config.servedNames.includes(name)) return sendError(res, 400, 'InvalidUserInput', `The lora adapter '${name}' conflicts with a served base model.`)
  if (Object.hasOwn(config.adapters, name)) return sendError(res, 400, 'InvalidUserInput', `The lora adapter '${name}' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True.`)
  if (!existsSync(path)) return sendError(res, 404, 'NotFoundError', `Loading lora ${name} failed: No adapter found for ${path}`)
  config.adapters[name] = path
  app.spoiltAdapters.delete(name)
  sendText(res, 200, `Success: LoRA adapter '${name}' added successfully.`)
}

/** @type {Handler} */
function onUnload (app, call) {
  const { res } = call
  const { lora_name: name } = jsonBody(call) ?? {}
  if (res.headersSent) return
  app.records.write('unload-lora', { name })
  if (!Object.hasOwn(app.config.adapters, name)) return sendError(res, 404, 'NotFoundError', `The lora adapter '${name}' cannot be found.`)
  delete app.config.adapters[name]
  sendText(res, 200, `Success: LoRA adapter '${name}' removed successfully.`)
}

/** Only with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING. @type {[string, Handler][]} */
export const loraRoutes = [
  ['POST /v1/load_lora_adapter', onLoad],
  ['POST /v1/unload_lora_adapter', onUnload]
]
