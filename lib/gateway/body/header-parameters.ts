/** One parameter of a structured header: a name, and a token or a quoted string. */
const parameter = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/gs

/** The parameters behind a header's value, as in `form-data; name="model"`; names in lower case, quotes and their escapes undone. */
export function headerParameters (header: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, token = ''] of header.matchAll(parameter)) {
    found.set(name.toLowerCase(), quoted?.replace(/\\(.)/gs, '$1') ?? token)
  }
  return found
}
