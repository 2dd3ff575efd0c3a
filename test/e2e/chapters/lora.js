import { chat } from '../chat.js'
import { prompts } from './serving.js'

/**
 * Adapters that are loaded at the first request for them, one at a time, before and after a switch.
 * @param {import('../stage.js').Stage} stage
 */
export async function loraAdapters ({ app, subject: { adapters = {}, models: [a, b], tokens }, report }) {
  const names = [String(a?.name), ...Object.keys(adapters)]
  if (names.length === 1) return console.log('  – left out: there are no adapters')
  const askAll = async () => {
    const texts = []
    for (const name of names) texts.push((await chat(app, name, String(prompts[1]), tokens)).text)
    return texts
  }
  const from = app.events.length
  const before = await askAll()
  report.check('each answers in its own way', new Set(before).size === names.length && before.every(text => text !== ''), before)
  await chat(app, String(b?.name), 'Hello', 2)
  const after = await askAll()
  report.check('and in the same way after a switch', String(after) === String(before), { before, after })
  const loads = app.events.slice(from).flatMap(({ event, adapter, loaded }) => event === 'adapter' ? [`${loaded ? '+' : '-'}${adapter}`] : [])
  report.check('one is loaded at a time', String(loads) === '+lora-x,-lora-x,+lora-y,-lora-y,+lora-x,-lora-x,+lora-y', loads)
}
