const identifier = /^[A-Za-z_$][\w$]*$/

/** Their keys are data, not options: always written in brackets. */
const dictionaries = new Set(['models', 'env'])

/** One step into an option, as written in JavaScript. */
function step (parent: string | undefined, key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  const isOption = identifier.test(key) && !dictionaries.has(parent ?? '')
  return isOption ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** The path of an option, as written in JavaScript: `models["qwen-14b"].timeouts.start`. */
export function optionPath (...keys: Array<string | number>): string {
  const path = keys.map((key, index) => step(String(keys[index - 1]), key)).join('')
  return path === '' ? 'object' : path.replace(/^\./, '')
}

/** The keys of a JSON pointer; a step into an array is a number. */
export function pointerKeys (pointer: string, data: unknown): Array<string | number> {
  let value = data
  return pointer.split('/').slice(1).map(escaped => {
    const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    const isIndex = Array.isArray(value)
    value = (value as Record<string, unknown>)[key]
    return isIndex ? Number(key) : key
  })
}

/** What is found by these keys. */
export const valueAt = (keys: Array<string | number>, data: unknown): unknown =>
  keys.reduce((value, key) => (value as Record<string | number, unknown>)[key], data)
