import type { Directory } from '../directory.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'
import type { ModelStatus } from './status.ts'

type Model = ReturnType<Switcher['status']>['models'][number]

/** What the lower floors know of one model; also of a leaving one, which has no name any more. */
export function describeModel (
  { id, gpus, inFlight, waiting, frozen, frozenSince, passive, oldest, serviceTime, drainTime, thawTime, firstSleep, arrivalRate, averageWaiting }: Model,
  directory: Directory,
  orchestrator: Orchestrator
): ModelStatus {
  const { aliases = [], adapters = [] } = directory.find(id) ?? {}
  const leaving = directory.find(id) === undefined
  const learned = { serviceTime, drainTime, thawTime, firstSleep, arrivalRate, averageWaiting }
  const { gpuShare, sleepLevel, freeze } = orchestrator.model(id)
  /** The part of the option that its engine supports. */
  const freezes = sleepLevel !== 3 && orchestrator.keepsRequests(id) && freeze
  return { name: id, aliases, adapters, gpus, gpuShare, leaving, ...orchestrator.snapshot(id), sleepLevel, hostMemory: orchestrator.hostMemory(id), freeze: freezes, inFlight, waiting: waiting - frozen, frozen, frozenSince, passive, oldest, learned }
}
