/** @param {number[]} numbers */
export function median (numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return /** @type {number} */ (sorted.length % 2 === 1 ? sorted[middle] : (/** @type {number} */ (sorted[middle - 1]) + /** @type {number} */ (sorted[middle])) / 2)
}

/** Three significant digits say all that such a measurement knows. @param {number} number */
export function round (number) {
  return Number(number.toPrecision(3))
}

/** Milliseconds of one call. @param {() => Promise<unknown>} call */
export async function timed (call) {
  const begin = performance.now()
  await call()
  return performance.now() - begin
}
