import type { ModelView } from './policy/policy.ts'

type Placed = Pick<ModelView, 'gpus' | 'gpuShare'>

/** Shares are written as decimals: 0.1 + 0.2 + 0.7 must still fit one GPU. */
const tolerance = 1e-9

/** Whether `candidate` fits on its GPUs beside those models. Other GPUs do not matter. */
export function fits (candidate: Placed, beside: readonly Placed[] | ReadonlySet<Placed>): boolean {
  for (const gpu of candidate.gpus) {
    let free = 1 - candidate.gpuShare
    for (const { gpus, gpuShare } of beside) {
      if (gpus.includes(gpu)) free -= gpuShare
    }
    if (free < -tolerance) return false
  }
  return true
}

/** The order in which models make room: idle ones first, then the one that has been awake longest. */
function cheapestFirst (a: ModelView, b: ModelView): number {
  return Math.sign(a.inFlight) - Math.sign(b.inFlight) || a.awakeSince! - b.awakeSince!
}

/** The awake models that must make room for `candidate`, no more than needed; undefined if they cannot move now. */
export function mustGo (candidate: ModelView, models: readonly ModelView[]): string[] | undefined {
  const staying = new Set(models.filter(model => model.onGpu && model !== candidate))
  const evictable = [...staying].filter(model => !model.held && shareGpu(model, candidate)).sort(cheapestFirst)
  const evicted: ModelView[] = []
  while (!fits(candidate, staying)) {
    const next = evictable.shift()
    if (next === undefined) return undefined
    staying.delete(next)
    evicted.push(next)
  }
  // A model chosen early may turn out to fit beside those chosen later.
  for (const model of evicted) {
    if (fits(candidate, [...staying, model])) staying.add(model)
  }
  return evicted.filter(model => !staying.has(model)).map(model => model.id)
}

/** Whether they cannot move independently of each other. A model whose server runs elsewhere has no GPU here, and only depends on itself. */
export function shareGpu (a: Pick<ModelView, 'gpus'>, b: Pick<ModelView, 'gpus'>): boolean {
  return a === b || a.gpus.some(gpu => b.gpus.includes(gpu))
}
