import type { FastifyRequest } from 'fastify'
import type { Directory } from '../../directory.ts'
import type { Switcher } from '../../switcher/switcher.ts'

/** Whole seconds for clients. At least one: a waiting request has not been served yet. */
export function wholeSeconds (milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}

/** The wait, in seconds, of a request that arrived now for the model of that request; undefined if it is for none of your models. */
export function secondsToWait (request: FastifyRequest, { names }: Pick<Directory, 'names'>, switcher: Pick<Switcher, 'outlook'>): number | undefined {
  const id = names.get(request.llmux.model ?? '')
  const outlook = id === undefined ? undefined : switcher.outlook(id)
  return outlook && wholeSeconds(outlook.wait)
}
