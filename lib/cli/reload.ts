import type { FastifyInstance } from 'fastify'
import { readConfig } from './config/read.ts'

/** SIGHUP reads the models of the file again. A wrong file changes nothing. */
export function reloadOnHangup (app: FastifyInstance, file: string): void {
  const reload = async () => {
    const { options: { models } } = await readConfig(file)
    return await app.llmux.update(models)
  }
  const listener = () => {
    reload().then(
      ({ added, removed, changed }) => app.log.info({ added, removed, changed }, `${file} reloaded`),
      error => app.log.error({ err: error }, `${file} not reloaded: ${error.message}`)
    )
  }
  process.on('SIGHUP', listener)
  app.addHook('onClose', async () => { process.off('SIGHUP', listener) })
}
