import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { key } from '../app.js'
import { chat, question } from '../chat.js'
import { tokensOf } from '../verdict.js'

const program = (/** @type {string} */ name) => fileURLToPath(new URL(`../../clients/programs/${name}`, import.meta.url))
export const prompts = ['Why is the sky blue?', 'Name a river.', 'What is a kernel?', 'Tell me a story.']

/**
 * Starts both models by their first requests, and asks the engines directly what the gateway's answers are to be measured by.
 * @param {import('../stage.js').Stage} stage
 */
export async function firstRequests ({ app, subject, report, expected }) {
  for (const { name } of subject.models) {
    const first = await chat(app, name, 'Hello', 5)
    report.check(`${name} is started by its first request`, first.status === 200, first)
    for (const prompt of prompts) {
      const { body } = await app.direct(name, '/v1/chat/completions', question(name, prompt, subject.tokens))
      expected.set(`${name} ${prompt}`, { text: body.choices[0].message.content, tokens: tokensOf(body.choices[0]) })
    }
  }
  report.check('the models’ answers tell them apart', new Set([...expected.values()].map(({ text }) => text)).size === expected.size, [...expected].map(([name, { text }]) => [name, text]))
}

/** @param {import('../stage.js').Stage} stage */
export async function clients (stage) {
  await play(stage, 'openai (Node)', process.execPath, program('openai-node.js'))
  if (stage.subject.python === '') console.log('  – openai (Python) is left out: no Python in this environment')
  else await play(stage, 'openai (Python)', stage.subject.python, program('openai-python.py'))
}

/** @param {import('../stage.js').Stage} stage @param {string} client @param {string} command @param {string} path */
async function play ({ app, subject: { models: [a, b], tokens }, report, expected }, client, command, path) {
  const steps = [a, b].flatMap(model => ['chat', 'stream', 'embeddings'].map(op => ({
    name: `${op} ${model?.name}`, op, model: model?.name, content: prompts[0], maxTokens: tokens, retries: 0, key
  })))
  const child = spawn(command, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify({ url: `${app.url}/v1`, steps }))
  /** @type {Map<string, any>} */
  const seen = new Map()
  for await (const line of createInterface(child.stdout)) seen.set(JSON.parse(line).name, JSON.parse(line))
  for (const { name, op, model } of steps) {
    const { text, error } = seen.get(name) ?? {}
    if (op === 'embeddings') report.check(`${client}: ${name}: refused with 404, as the engine does`, error?.status === 404, seen.get(name))
    // The client does not ask for `ignore_eos`: the answer may end sooner.
    else report.check(`${client}: ${name}: the engine’s own answer`, text?.length > 0 && expected.get(`${model} ${prompts[0]}`)?.text.startsWith(text) === true, { text, expected: expected.get(`${model} ${prompts[0]}`)?.text })
  }
}
