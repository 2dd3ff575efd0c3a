import type { ModelView } from '../../../lib/switcher/policy/policy.ts'

/** A model as a policy sees it: asleep, unless `awakeSince` is given, and alone on its GPU. */
export function view (id: string, more: Partial<ModelView> = {}): ModelView {
  return {
    id, awakeSince: undefined, inFlight: 0, waiting: 0, oldest: undefined, gpus: [0], gpuShare: 1, onGpu: more.awakeSince !== undefined, held: false, ...more
  }
}
