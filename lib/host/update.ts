import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../clock.ts'
import type { Directory } from '../directory.ts'
import { ClosingError } from '../errors.ts'
import type { LlmuxEvents } from '../events.ts'
import type { ResolvedModel, ResolvedOptions } from '../options/index.ts'
import type { Orchestrator } from '../orchestrator/orchestrator.ts'
import type { Switcher } from '../switcher/switcher.ts'

/** The result of an update. Each member lists ids: the keys in `models`. */
export interface UpdateResult {
  added: string[]
  removed: string[]
  changed: string[]
  unchanged: string[]
}

export interface UpdateContext {
  directory: Directory
  orchestrator: Orchestrator
  switcher: Switcher
  events: LlmuxEvents
  clock: Clock
}

/**
 * Replaces the models. Names mean the new models at once; requests accepted before are served within their limits. Resolves
 * when every removed or changed model is done.
 */
export async function update (context: UpdateContext, next: Pick<ResolvedOptions, 'models' | 'names'>): Promise<UpdateResult> {
  const { directory, orchestrator, switcher, events, clock } = context
  const before = new Map(directory.models.map(model => [model.id, model]))
  if (switcher.closed) throw new ClosingError()
  // Returns the same object if nothing has changed: the caller compares by identity.
  const models = next.models.map(model => {
    const running = orchestrator.has(model.id) ? orchestrator.model(model.id) : undefined
    return [running, before.get(model.id)].find(known => isDeepStrictEqual(known, model)) ?? model
  })
  directory.set(models, next.names)
  const result = compare(models, before)
  const { added, removed, changed } = result
  const reason = `${added.length} added, ${changed.length} changed, ${removed.length} removed`
  events.emit('models', { time: clock.now(), reason, added, removed, changed })
  const renewals = [...removed, ...changed].map(id => renew(context, id, before.get(id)!))
  for (const id of added) add(context, directory.find(id)!)
  await settle(renewals)
  return result
}

function compare (models: readonly ResolvedModel[], before: ReadonlyMap<string, ResolvedModel>): UpdateResult {
  const now = new Map(models.map(model => [model.id, model]))
  const ids = (of: Iterable<string>, wanted: (id: string) => boolean) => [...of].filter(wanted)
  return {
    added: ids(now.keys(), id => !before.has(id)),
    removed: ids(before.keys(), id => !now.has(id)),
    changed: ids(now.keys(), id => before.has(id) && now.get(id) !== before.get(id)),
    unchanged: ids(now.keys(), id => now.get(id) === before.get(id))
  }
}

function add (context: UpdateContext, model: ResolvedModel): void {
  const { orchestrator, switcher, events, clock } = context
  // A model of that name may still be leaving: then it stays, as it is or with its new options.
  if (orchestrator.has(model.id)) {
    renew(context, model.id, orchestrator.model(model.id)).catch(warn)
    return
  }
  orchestrator.add(model)
  switcher.roster.add(model)
  if (model.preload) switcher.switchTo(model.id, { done: () => {}, failed: warn })

  function warn (error: Error) {
    events.emit('warning', { time: clock.now(), model: model.id, error })
  }
}

function renew ({ directory, orchestrator, switcher }: UpdateContext, id: string, before: ResolvedModel): Promise<void> {
  const wanted = () => directory.find(id)
  // An engine answers to the names that it was started with, so a new name must not reach it.
  const names = (model: ResolvedModel | undefined) => model && [model.aliases, model.adapters, model.adapterPaths]
  const patience = isDeepStrictEqual(names(before), names(wanted())) ? before.timeouts.drain : 0
  return new Promise((resolve, reject) => switcher.roster.renew(id, {
    patience,
    leaving: () => wanted() === undefined,
    settled: () => orchestrator.has(id) ? wanted() === orchestrator.model(id) : wanted() === undefined,
    next () {
      orchestrator.remove(id)
      const model = wanted()
      if (model !== undefined) orchestrator.add(model)
      return model
    },
    done: resolve,
    failed: reject
  }))
}

async function settle (renewals: Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(renewals)
  const errors = ends.flatMap(end => end.status === 'rejected' ? [end.reason] : [])
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, 'models could not be replaced')
}
