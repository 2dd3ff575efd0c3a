import type { NodeModelView, NodeView } from './types.ts'

/** Whether it is awake and has a free place. */
export function isOpen (model: NodeModelView): boolean {
  return model.awake && load(model) < model.maxConcurrency
}

export function load ({ inFlight, waiting, sent }: NodeModelView): number {
  return inFlight + waiting + sent
}

/** What it costs everybody, in milliseconds of waiting, if one more request for a model goes to a node. */
export function cost (node: NodeView, model: NodeModelView): number {
  return leastCost(model) + (isOpen(model) ? delay(node, model) : harm(node, model))
}

/** The part of it that does not depend on the other models there. */
export function leastCost (model: NodeModelView): number {
  if (isOpen(model)) return model.serviceTime * load(model) / model.maxConcurrency / 2
  return model.wait + model.sent * model.serviceTime / model.maxConcurrency
}

/** Others wait there until its requests are done: each makes that longer, the less the more there are already. */
function delay (node: NodeView, model: NodeModelView): number {
  let waiting = 0
  for (const other of neighbours(node, model)) if (!other.awake) waiting += other.waiting + other.sent
  return waiting * model.serviceTime / (load(model) + 1)
}

/**
 * What the wake takes from models that are awake there: requests that arrive for them meanwhile wait for half of the time on
 * average, and those in flight are frozen or finished first. Zero if the model is about to wake anyway. Shared by all
 * requests that it will serve.
 */
function harm (node: NodeView, model: NodeModelView): number {
  if (model.awake || model.waking || model.waiting + model.sent > 0) return 0
  const beneficiaries = 1 + model.arrivalRate * (model.cost + model.serviceTime)
  let sum = 0
  for (const other of neighbours(node, model)) {
    if (!other.awake) continue
    const away = model.cost + model.serviceTime + other.cost
    sum += (other.arrivalRate * away * away / 2 + (other.inFlight + other.sent) * away / 4) / beneficiaries
  }
  return sum
}

function neighbours ({ models }: NodeView, model: NodeModelView): NodeModelView[] {
  return models.filter(other => other !== model && other.gpus.some(gpu => model.gpus.includes(gpu)))
}
