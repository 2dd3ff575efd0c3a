import { BodyNotJsonError, BodyNotMultipartError, ModelMissingError, ModelNotStringError } from '../../errors.ts'
import type { Route } from '../../options/index.ts'
import { locateJsonModel } from './json-location.ts'
import { readJsonModel, replaceJsonModel } from './json-model.ts'
import { locateMultipartModel } from './multipart-location.ts'
import { readMultipartModel, replaceMultipartModel } from './multipart-model.ts'

export interface ModelSources {
  /** The value of the header that names a model; it takes precedence over the body. */
  header?: string | string[] | undefined
  /** Undefined until it has been read. */
  body: Buffer | undefined
  kind: Route['body']
  contentType?: string | undefined
  /** The model of requests that name none. */
  defaultModel?: string | undefined
  /** Whether there is a model of that name. Default: yes. */
  isKnown?: ((name: string) => boolean) | undefined
}

export interface ChosenModel {
  /** The model that the client named, if it did. */
  readonly asked: string | undefined
  /** The model that the request is for. */
  readonly name: string
  /**
   * What to send to the engine: the client's own bytes, unless they name another model. Made at the first read.
   *
   * @throws {BodyNotJsonError | BodyNotMultipartError}
   */
  readonly body: Buffer
  /** Whether it asks for an event stream. Looked for at the first read, like the body. */
  readonly streams: boolean
}

/** A body in which the model has been located. */
interface OpenBody {
  readonly bytes: Buffer
  readonly streams: boolean
  read (): string | undefined
  replace (name: string): Buffer
}

/** @throws {BodyNotJsonError | BodyNotMultipartError} */
function openBody ({ body, kind, contentType = '' }: ModelSources): OpenBody {
  if (body === undefined) throw kind === 'json' ? new BodyNotJsonError('it is empty') : new BodyNotMultipartError('it is empty')
  // Located once, for reading and replacing: on a large body this takes most of the time.
  if (kind === 'json') {
    const location = locateJsonModel(body)
    return { bytes: body, streams: location.streams, read: () => readJsonModel(body, location), replace: name => replaceJsonModel(body, name, location) }
  }
  const location = locateMultipartModel(body, contentType)
  return { bytes: body, streams: false, read: () => readMultipartModel(body, contentType, location), replace: name => replaceMultipartModel(body, contentType, name, location) }
}

/** If a header names the model, it replaces whatever the body has, even a value that is not a string. */
function namesAlready (body: OpenBody, name: string): boolean {
  try {
    return body.read() === name
  } catch (error) {
    if (error instanceof ModelNotStringError) return false
    throw error
  }
}

class Choice implements ChosenModel {
  readonly asked: string | undefined
  readonly name: string
  readonly #open: () => OpenBody
  #body: Buffer | undefined

  constructor (asked: string | undefined, name: string, open: () => OpenBody) {
    this.asked = asked
    this.name = name
    this.#open = open
  }

  get body (): Buffer {
    if (this.#body === undefined) {
      const body = this.#open()
      this.#body = namesAlready(body, this.name) ? body.bytes : body.replace(this.name)
    }
    return this.#body
  }

  get streams (): boolean {
    return this.#open().streams
  }
}

/**
 * The model of a request: from the header, else from the body, else the default one. With a header the body is not parsed
 * before someone reads it.
 *
 * @throws {BodyNotJsonError | BodyNotMultipartError | ModelNotStringError}
 * @throws {ModelMissingError} if nothing names a model, or only an empty string does.
 */
export function chosenModel (sources: ModelSources): ChosenModel {
  const byHeader = headerModel(sources.header)
  if (byHeader !== undefined) {
    let body: OpenBody | undefined
    return new Choice(byHeader, knownName(byHeader, sources), () => {
      body ??= openBody(sources)
      return body
    })
  }
  const body = openBody(sources)
  const asked = body.read() || undefined
  const name = asked ?? sources.defaultModel
  if (name === undefined) throw new ModelMissingError()
  return new Choice(asked, knownName(name, sources), () => body)
}

const latest = ':latest'

/** Ollama's clients write `name:latest` for `name`. */
function knownName (name: string, { isKnown = () => true }: ModelSources): string {
  if (!name.endsWith(latest) || isKnown(name)) return name
  const base = name.slice(0, -latest.length)
  return base !== '' && isKnown(base) ? base : name
}

/** Node gives the bytes of a header as Latin-1; a name with other letters is sent as UTF-8. */
function decoded (value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  const isBytes = bytes.toString('latin1') === value
  const text = bytes.toString('utf8')
  return isBytes && !text.includes('\ufffd') ? text : value
}

/** Joins repeated headers as Node joins headers that it does not know: an unknown name is better than a guess. */
function headerModel (header: string | string[] | undefined): string | undefined {
  const value = Array.isArray(header) ? header.join(', ') : header
  return value === undefined || value.trim() === '' ? undefined : decoded(value.trim())
}
