/** The headers that belong to one connection because its `connection` header names them (RFC 9110, 7.6.1); undefined if it names none. */
export function connectionNames (connection: string | undefined): string[] | undefined {
  // Nearly all `connection` headers name no other header.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return connection.toLowerCase().split(',').map(name => name.trim())
}
