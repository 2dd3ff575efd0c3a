/**
 * Callbacks run in the middle of a decision, which one that throws must not interrupt. The error becomes an uncaught
 * exception of the process.
 */
export function call<Args extends unknown[]> (callback: (...args: Args) => void, ...args: Args): void {
  try {
    callback(...args)
  } catch (error) {
    process.nextTick(() => { throw error })
  }
}
