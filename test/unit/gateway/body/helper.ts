import { expect } from 'vitest'

/** The code and the words of the error that this throws. */
export function failure (action: () => unknown): { code: string, message: string, statusCode: number } {
  try {
    action()
  } catch (error) {
    const { code, message, statusCode } = error as { code: string, message: string, statusCode: number }
    expect(code).toMatch(/^LLMUX_ERR_/)
    return { code, message, statusCode }
  }
  throw new Error('nothing was thrown')
}

/** Pseudo-random whole numbers below a limit, the same for the same seed. */
export function numbers (seed: number): (limit: number) => number {
  let state = seed >>> 0
  return limit => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * limit)
  }
}

type Random = ReturnType<typeof numbers>

const spaces = ['', '', ' ', '\n', '\t', '\r\n', '    ']
const space = (random: Random): string => spaces[random(spaces.length)] as string
const shortEscapes: Record<string, string> = { '"': '\\"', '\\': '\\\\', '/': '\\/', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function renderCharacter (character: string, random: Random): string {
  const must = character < ' ' || /["\\\p{Cs}]/u.test(character)
  if (!must && random(4) > 0) return character
  const short = shortEscapes[character]
  if (short !== undefined && random(2) === 0) return short
  return character.split('').map(unit => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${random(2) === 0 ? hex : hex.toUpperCase()}`
  }).join('')
}

/** A string as JSON, with escapes where none are needed. */
export const renderString = (text: string, random: Random): string =>
  `"${Array.from(text, character => renderCharacter(character, random)).join('')}"`

/** Any value as JSON, with white space and escapes as they come. */
export function render (value: unknown, random: Random): string {
  if (typeof value === 'string') return renderString(value, random)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(item => space(random) + render(item, random) + space(random)).join()}${value.length === 0 ? space(random) : ''}]`
  return renderMembers(Object.entries(value), random).join('').trim()
}

/** The members of an object, keys more than once too, in pieces: what stands before one of the values, the last by default, that value, and the rest. */
export function renderMembers (members: Array<[key: string, value: unknown]>, random: Random, split = members.length - 1): [before: string, value: string, after: string] {
  const parts = members.map(([key, value]) => ({
    key: `${space(random)}${renderString(key, random)}${space(random)}:${space(random)}`,
    value: render(value, random),
    after: space(random)
  }))
  const text = (from: number, to: number): string => parts.slice(from, to).map(({ key, value, after }) => key + value + after).join()
  const chosen = parts[split]
  if (chosen === undefined) return [`{${space(random)}`, '', '}']
  const before = text(0, split) + (split > 0 ? ',' : '') + chosen.key
  const rest = split < parts.length - 1 ? `,${text(split + 1, parts.length)}` : ''
  return [`${space(random)}{${before}`, chosen.value, `${chosen.after}${rest}}${space(random)}`]
}
