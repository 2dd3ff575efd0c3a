/**
 * Answers are given in the midst of a decision: a callback that throws must not tear it in half. It is the process that
 * is told, as with any error that nobody catches.
 */
export function call<Args extends unknown[]> (callback: (...args: Args) => void, ...args: Args): void {
  try {
    callback(...args)
  } catch (error) {
    process.nextTick(() => { throw error })
  }
}
