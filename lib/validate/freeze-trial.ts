import type { ResolvedModel, SleepLevel } from '../options/types.ts'
import { quoted } from './words.ts'
import type { FreezeReport } from './types.ts'

/** What is asked of the engine: the subject of a trial, or a stand-in for it. */
export interface Freezable {
  readonly model: Pick<ResolvedModel, 'engine' | 'freeze'>
  version: () => Promise<string | undefined>
  /** A long answer at temperature 0; undefined if the model makes no text. `onBegin` is called when the first of it has come. */
  write: (onBegin?: () => void) => Promise<string | undefined>
  sleep: (level: SleepLevel, frozen: number) => Promise<void>
  wake: () => Promise<void>
}

/** Characters of both answers that are shown from where they part. */
const shown = 40

/** Freezes an answer while it is generated, and compares it with an undisturbed one. Never throws: a failure is a result. */
export async function tryFreeze (subject: Freezable, level: SleepLevel): Promise<FreezeReport> {
  const reason = await impossible(subject, level)
  if (reason !== undefined) return { verdict: 'not tried', why: reason }
  try {
    const undisturbed = await subject.write()
    if (undisturbed === undefined) return { verdict: 'not tried', why: 'it makes no text' }
    return await compare(subject, level, undisturbed)
  } catch (error) {
    return { verdict: 'broken', why: `an answer does not survive being frozen: ${(error as Error).message.split('\n', 1)[0]!}` }
  }
}

async function impossible (subject: Freezable, level: SleepLevel): Promise<string | undefined> {
  if (level === 3) return 'level 3 ends the engine, and requests with it'
  if (subject.model.freeze === false) return 'the option freeze is false'
  const { name, freeze } = subject.model.engine
  if (freeze === undefined) return `${name} does not go on with requests after a sleep`
  const known = await subject.version()
  return freeze.keeps(known, level) ? undefined : `${name} ${known ?? 'of an unknown version'} does not go on with requests after level ${level}`
}

async function compare (subject: Freezable, level: SleepLevel, undisturbed: string): Promise<FreezeReport> {
  let over = false
  let begin = () => {}
  const begun = new Promise<void>(resolve => { begin = resolve })
  const frozen = subject.write(begin).finally(() => { over = true })
  await Promise.race([begun, frozen])
  // Its outcome is checked below.
  frozen.catch(() => {})
  await subject.sleep(level, 1)
  if (over) return { verdict: 'not tried', why: 'its answer was over before it could be frozen' }
  await subject.wake()
  const answer = await frozen
  if (answer === undisturbed) return { verdict: 'equal', why: 'an answer that is frozen while it is generated continues with the same text' }
  return { verdict: 'differs', why: `an answer that is frozen while it is generated ${parting(undisturbed, answer ?? '')}` }
}

function parting (one: string, other: string): string {
  const at = [...one].findIndex((letter, index) => letter !== other[index])
  const from = at === -1 ? one.length : at
  const part = (text: string) => quoted(text.slice(from, from + shown))
  return `is another one from its letter ${from + 1} of ${one.length} on: ${part(other)} instead of ${part(one)}. What is computed again may tip a tie between two tokens; garbage would not be one`
}
