type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/**
 * The own keys that are not undefined. Spread over defaults that name every key, neither `{ port: undefined }` nor a
 * polluted prototype takes effect.
 */
export function given<T extends object> (options: T | undefined): Given<T> {
  const entries = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<T>
}
