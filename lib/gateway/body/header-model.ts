/** Node gives the bytes of a header as Latin-1; a name with other letters is sent as UTF-8. */
function decoded (value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  const isBytes = bytes.toString('latin1') === value
  const text = bytes.toString('utf8')
  return isBytes && !text.includes('\ufffd') ? text : value
}

/** Joins repeated headers as Node joins headers that it does not know: an unknown name is better than a guess. */
export function headerModel (header: string | string[] | undefined): string | undefined {
  const value = Array.isArray(header) ? header.join(', ') : header
  return value === undefined || value.trim() === '' ? undefined : decoded(value.trim())
}
