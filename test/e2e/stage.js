import { App } from './app.js'

/**
 * @typedef {object} Stage what a chapter plays on
 * @property {App} app
 * @property {import('./subject.js').Subject} subject
 * @property {import('./report.js').Report} report
 * @property {RegExp} wanted chapters
 * @property {Map<string, import('./verdict.js').Said>} expected by model and prompt: what the engine says when it is asked directly
 */

/**
 * A gateway whose models sleep at one level, and what is to be done with it. Whatever happens, no process of it is left.
 * @param {Omit<Stage, 'app'>} setting
 * @param {1 | 2 | 3} level
 * @param {(chapter: (name: string, play: (stage: Stage) => Promise<void>) => Promise<void>) => Promise<void>} play
 */
export async function onLevel (setting, level, play) {
  const app = await new App(setting.subject, level).start()
  const { report } = setting
  try {
    await play(async (name, chapter) => {
      if (!setting.wanted.test(name)) return
      report.begin(`level ${level}: ${name}`)
      const from = app.events.length
      await chapter({ ...setting, app })
      report.phases(app.events.slice(from))
    })
  } catch (error) {
    report.check('it went on to its end', false, String(error))
  } finally {
    await app.end('SIGTERM')
  }
}
