import { OptionsError } from '../../errors.ts'

export type Macros = ReadonlyMap<string, string>

/** A macro may have others in it: more rounds than this are a circle. */
const mostRounds = 20

/**
 * The text with `${NAME}` and `${env.NAME}` filled in.
 *
 * @throws {OptionsError} for a macro that is not there, a variable that is not set, a circle
 */
export function expand (text: string, macros: Macros, field: string, env: NodeJS.ProcessEnv = process.env): string {
  for (let round = 0; round < mostRounds; round++) {
    const next = text.replace(/\$\{(env\.)?([\w-]+)\}/g, (_, isEnv, name) => {
      const value = isEnv ? env[name] : macros.get(name)
      if (value === undefined) throw new OptionsError(field, isEnv ? `needs the environment variable ${name}, which is not set` : `has the macro \${${name}}, which is not defined`)
      return value
    })
    if (next === text) return text
    text = next
  }
  throw new OptionsError(field, 'has macros that contain each other')
}

/** A command as a shell would split it: quotes, escapes, comments of whole lines, line breaks. Nothing else of a shell. */
export function splitCommand (text: string): string[] {
  const lines = text.split('\n').filter(line => !line.trimStart().startsWith('#'))
  const words = lines.join('\n').replace(/\\\r?\n/g, ' ').match(/(?:[^\s'"\\]|\\.|'[^']*'|"(?:\\.|[^"\\])*")+/g) ?? []
  return words.map(word => word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, (_, single, double, escaped) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped))
}
