import type { FifoOptions } from '../../options/types.ts'
import { mustGo } from '../placement.ts'
import { inLine } from './moves.ts'
import { stay } from './policy.ts'
import type { Policy } from './policy.ts'

/**
 * Serve the request that has waited longest: leave for it at once, or as soon as the models that make room have been awake
 * for `minActive`.
 */
export function fifo ({ minActive }: Required<FifoOptions>): Policy {
  return ({ now, models }) => {
    let lookAgainAt: number | undefined
    const taken = new Set<number>()
    const ahead = new Set<string>()
    for (const candidate of inLine(models)) {
      // Awake but full: requests that wait for it came first, and would have to wait for it to come back.
      if (candidate.awakeSince !== undefined) {
        ahead.add(candidate.id)
        continue
      }
      const evict = candidate.held || candidate.gpus.some(gpu => taken.has(gpu)) ? undefined : mustGo(candidate, models)
      // No overtaking on a GPU, or a model that needs more GPUs than others would wait forever.
      candidate.gpus.forEach(gpu => taken.add(gpu))
      if (evict === undefined || evict.some(id => ahead.has(id))) continue
      const freeAt = Math.max(now, ...models.filter(model => evict.includes(model.id)).map(model => model.awakeSince! + minActive))
      if (freeAt <= now) return { wake: candidate.id, evict, lookAgainAt: undefined }
      lookAgainAt = Math.min(lookAgainAt ?? freeAt, freeAt)
    }
    return stay(lookAgainAt)
  }
}
