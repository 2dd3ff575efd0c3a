import type { FastifyInstance } from 'fastify'
import { readConfig } from './config/read.ts'

/** SIGHUP has the models of the file read again. A file that is wrong changes nothing. */
export function reloadOnHangup (app: FastifyInstance, file: string): void {
  const reload = async () => {
    const { options: { models } } = await readConfig(file)
    return await app.llmux.update(models)
  }
  const listener = () => {
    reload().then(
      ({ added, removed, changed }) => app.log.info({ added, removed, changed }, `${file} has been read again`),
      error => app.log.error({ err: error }, `${file} is not taken over: ${error.message}`)
    )
  }
  process.on('SIGHUP', listener)
  app.addHook('onClose', async () => { process.off('SIGHUP', listener) })
}
