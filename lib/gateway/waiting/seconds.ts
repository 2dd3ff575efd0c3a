import type { FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../../options/index.ts'
import type { Switcher } from '../../switcher/switcher.ts'

/** As clients are told. At least one: whoever waits is not served yet. */
export function wholeSeconds (milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}

/** How long one would wait who came now for the model of that request; undefined if it is for none of ours. */
export function secondsToWait (request: FastifyRequest, names: ResolvedOptions['names'], switcher: Pick<Switcher, 'outlook'>): number | undefined {
  const id = names.get(request.llmux.model ?? '')
  return id === undefined ? undefined : wholeSeconds(switcher.outlook(id)!.wait)
}
