import { spawn } from 'node:child_process'
import { perform } from './perform.js'

/** Its exit codes, in its own words. @type {Record<number, string>} */
const exits = { 7: 'connection refused', 18: 'transfer closed with outstanding data remaining', 55: 'failed sending', 56: 'failure receiving' }

/**
 * Runs curl until it ends, or until so much has come.
 * @param {any} step @param {string} url @param {object} body
 */
async function curl ({ key, retries }, url, body, longest = Infinity) {
  const args = ['-sS', '-N', '--retry', String(retries), '-H', 'content-type: application/json', '-H', `authorization: Bearer ${key}`,
    '-w', '\n%{http_code}', '--data-binary', '@-', url]
  const child = spawn('curl', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  /** @type {Promise<number>} */
  const ended = new Promise(resolve => child.once('close', code => resolve(code ?? 0)))
  // Refused in mid-body, it closes its input.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(body))
  child.stderr.resume()
  let text = ''
  for await (const chunk of child.stdout) {
    text += chunk
    if (text.length > longest) child.kill()
  }
  const cut = text.lastIndexOf('\n')
  return { exit: await ended, status: Number(text.slice(cut + 1)), text: text.slice(0, cut) }
}

/** What `curl --fail` or a look at the status would tell its user. @param {Awaited<ReturnType<typeof curl>>} answer */
function check ({ exit, status, text }) {
  if (exit === 0 && status < 400) return text
  // Of several tries all bodies are printed, and the last one counts.
  const found = text.lastIndexOf('{"error":')
  const { message = exits[exit], code } = found === -1 ? {} : JSON.parse(text.slice(found)).error
  throw Object.assign(new Error(message), { name: exit === 0 ? 'HTTP' : `exit ${exit}`, status: exit === 0 ? status : null, code })
}

/** @param {any} step @param {object} [more] */
const question = ({ model, maxTokens, content }, more) => ({ model, max_tokens: maxTokens, messages: [{ role: 'user', content }], ...more })

/** @param {any} step @param {string} url @param {object} [more] */
async function chat (step, url, more) {
  const text = check(await curl(step, `${url}/chat/completions`, question(step, more)))
  const { choices: [choice] } = JSON.parse(text.slice(text.lastIndexOf('{"id"')))
  return { text: choice.message.content, finish: choice.finish_reason }
}

await perform({
  chat: (step, url) => chat(step, url),
  tools: (step, url) => chat(step, url, { tools: [{ type: 'function', function: { name: 'weather', parameters: step.schema } }], tool_choice: 'auto' }),
  structured: (step, url) => chat(step, url, { response_format: { type: 'json_schema', json_schema: { name: 'place', schema: step.schema } }, structured_outputs: step.extra }),
  embeddings: async (step, url) => {
    const text = check(await curl(step, `${url}/embeddings`, { model: step.model, input: step.content }))
    return { length: JSON.parse(text).data[0].embedding.length }
  },
  stream: async (step, url) => {
    const text = check(await curl(step, `${url}/chat/completions`, question(step, { stream: true })))
    const chunks = text.split('\n').filter(line => line.startsWith('data: {')).map(line => JSON.parse(line.slice(6)).choices[0])
    return { text: chunks.map(({ delta }) => delta.content ?? '').join(''), finish: chunks.at(-1).finish_reason }
  },
  cancel: async (step, url, saw) => { saw.text = (await curl(step, `${url}/chat/completions`, question(step, { stream: true }), 2_000)).text }
}, ({ status = null, code = null }) => ({ status, code }))
