/** Finding the words in what a client sends: a string, or parts with a text each. */

/** @param {unknown} content @returns {string} */
export function contentText (content) {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return content === undefined || content === null ? '' : String(content)
  return content.map((part) => typeof part === 'object' && part !== null ? contentText(part.text ?? part.content ?? '') : String(part)).join(' ')
}

/** @param {any[]} messages */
export function lastUserText (messages) {
  return contentText(messages.findLast((message) => message?.role === 'user')?.content ?? messages.at(-1)?.content)
}

/** @param {any[]} messages */
export function allText (messages) {
  return messages.map((message) => `${message?.role}: ${contentText(message?.content)}`).join('\n')
}
