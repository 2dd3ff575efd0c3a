import { extname } from 'node:path'
import { parseDocument } from 'yaml'
import { ConfigError } from '../../errors.ts'

export type Format = 'json' | 'yaml'

/** By the name of the file. */
export function formatOf (file: string): Format {
  return ['.yaml', '.yml'].includes(extname(file).toLowerCase()) ? 'yaml' : 'json'
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n', 1)[0]!.replace(/:$/, '')

/** YAML as a document, which keeps comments. */
export function yamlDocument (text: string, file: string) {
  const document = parseDocument(text, { merge: true })
  const [error] = document.errors
  if (error !== undefined) throw new ConfigError(file, `is not YAML: ${firstLine(error)}`)
  return document
}

/** @throws {ConfigError} */
export function parse (text: string, file: string): unknown {
  if (formatOf(file) === 'yaml') return yamlDocument(text, file).toJS()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ConfigError(file, `is not JSON: ${firstLine(error)}`)
  }
}
