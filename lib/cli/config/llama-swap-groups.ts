import type { ModelOptions } from '../../options/types.ts'
import type { Note } from './config.ts'
import type { Fields } from './fields.ts'
import { readSets, sharesOf } from './llama-swap-matrix.ts'

/** What groups say of models. */
export interface Groups {
  options: Map<string, Pick<ModelOptions, 'gpuShare' | 'keepAwake'>>
  /** The members of persistent groups. */
  kept: Set<string>
}

/** A group that swaps within itself is what sharing a GPU is here; one that does not shares it out. */
export function readGroups (top: Fields, notes: Note[]): Groups {
  const result: Groups = { options: new Map(), kept: new Set() }
  const router = top.object('routing')?.object('router')
  // Newer files have both of them there; which one is used, `use` says.
  const use = router?.string('use')
  const settings = router?.object('settings')
  const groups = top.object('groups') ?? (use === 'matrix' ? undefined : settings?.object('groups'))
  const matrix = top.object('matrix') ?? (use === 'group' ? undefined : settings?.object('matrix'))
  for (const name of groups?.names ?? []) readGroup(groups!.object(name)!, result, notes)
  if (matrix !== undefined) readMatrix(matrix, result, notes)
  return result
}

function readMatrix (matrix: Fields, { options }: Groups, notes: Note[]): void {
  for (const [model, gpuShare] of sharesOf(readSets(matrix))) {
    options.set(model, { gpuShare })
    notes.push({ field: matrix.self, text: `has become gpuShare ${gpuShare} of ${JSON.stringify(model)}, so that what it has together fits together: set what the model really takes` })
  }
  for (const [name] of matrix.unread()) notes.push({ field: matrix.pathOf(name), text: name === 'evict_costs' ? 'is ignored: what a switch costs is measured' : 'is ignored: it is not known' })
}

function readGroup (group: Fields, { options, kept }: Groups, notes: Note[]): void {
  const members = group.strings('members') ?? []
  const swap = group.boolean('swap') ?? true
  const exclusive = group.boolean('exclusive') ?? true
  const persistent = group.boolean('persistent') ?? false
  const gpuShare = swap || members.length < 2 ? undefined : Math.floor(1_000 / members.length) / 1_000
  const tell = (text: string) => notes.push({ field: group.self, text })
  for (const [index, member] of members.entries()) {
    // Two that are both kept awake must fit together.
    const keepAwake = persistent && (index === 0 || gpuShare !== undefined)
    if (keepAwake) kept.add(member)
    options.set(member, { ...(gpuShare !== undefined && { gpuShare }), ...(keepAwake && { keepAwake }) })
  }
  if (gpuShare !== undefined) tell(`has become gpuShare ${gpuShare} of each member, so that all are awake together: set what they really take`)
  if (persistent) tell('has become keepAwake: its models come back when nobody else wants the GPU. To have them stay, give them GPUs of their own (gpus), or shares (gpuShare) that leave room')
  else if (!exclusive) tell('is not beside the others: give its models GPUs of their own (gpus), or shares (gpuShare) that leave room')
  for (const [name] of group.unread()) notes.push({ field: group.pathOf(name), text: 'is ignored: it is not known' })
}
