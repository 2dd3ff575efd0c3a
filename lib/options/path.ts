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

const stepsOf = (pointer: string): string[] =>
  pointer.split('/').slice(1).map(escaped => escaped.replaceAll('~1', '/').replaceAll('~0', '~'))

/** What a JSON pointer points at. */
export const valueAt = (pointer: string, data: unknown): unknown =>
  stepsOf(pointer).reduce((value, key) => (value as Record<string, unknown>)[key], data)

/** The keys of a JSON pointer; a step into an array is a number. */
export function pointerKeys (pointer: string, data: unknown): Array<string | number> {
  let value = data
  return stepsOf(pointer).map(key => {
    const isIndex = Array.isArray(value)
    value = (value as Record<string, unknown>)[key]
    return isIndex ? Number(key) : key
  })
}
