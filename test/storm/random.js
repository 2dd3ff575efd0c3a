/**
 * Numbers that look random and are the same for the same seed (mulberry32).
 * @param {number} seed
 */
export function randomFrom (seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    /** @param {number} least @param {number} most */
    between: (least, most) => least + next() * (most - least),
    /** @param {number} probability */
    chance: (probability) => next() < probability,
    /** @template T @param {T[]} list @returns {T} */
    pick: (list) => /** @type {T} */ (list[Math.floor(next() * list.length)])
  }
}

/** @typedef {ReturnType<typeof randomFrom>} Random */
