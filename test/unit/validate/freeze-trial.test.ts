import { describe, expect, it } from 'vitest'
import { engines } from '../../../lib/engines/index.ts'
import { tryFreeze, type Freezable } from '../../../lib/validate/freeze-trial.ts'

/** What it says when it is left alone, and after a freeze. */
interface Texts { undisturbed?: string | undefined, frozen?: string, version?: string | undefined, freeze?: Freezable['model']['freeze'], isQuick?: boolean, fails?: 'sleep' | 'wake' | 'write' }

function engine ({ undisturbed, frozen = undisturbed ?? '', version = '0.32.0', freeze = true, isQuick = false, fails }: Texts) {
  const calls: string[] = []
  let wake = () => {}
  const subject: Freezable = {
    model: { engine: engines.vllm, freeze },
    version: async () => version,
    async write (onBegin) {
      if (onBegin === undefined) return undisturbed
      onBegin()
      if (!isQuick) await new Promise<void>(resolve => { wake = resolve })
      if (fails === 'write') throw new Error('its answer ended too early\nmore')
      return frozen
    },
    async sleep (level, count) {
      calls.push(`sleep ${level} with ${count}`)
      await new Promise(resolve => setImmediate(resolve))
      if (fails === 'sleep') throw new Error('it does not sleep')
    },
    async wake () {
      calls.push('wake')
      if (fails === 'wake') throw new Error('it does not wake')
      wake()
    }
  }
  return { subject, calls }
}

describe('an answer that is frozen while it is generated', () => {
  it('is equal to one that was left alone', async () => {
    const { subject, calls } = engine({ undisturbed: 'spring, summer' })
    expect(await tryFreeze(subject, 2)).toMatchObject({ verdict: 'equal' })
    expect(calls).toEqual(['sleep 2 with 1', 'wake'])
  })

  it('differs, and where is told', async () => {
    const { subject } = engine({ undisturbed: 'spring, summer', frozen: 'spring, winter' })
    expect(await tryFreeze(subject, 1)).toMatchObject({ verdict: 'differs', why: expect.stringContaining('from its letter 9 of 14 on: "winter" instead of "summer"') })
  })

  it('may be too short', async () => {
    const { subject } = engine({ undisturbed: 'spring, summer', frozen: 'spring' })
    expect(await tryFreeze(subject, 1)).toMatchObject({ verdict: 'differs', why: expect.stringContaining('"" instead of ", summer"') })
  })

  it.each(['sleep', 'wake', 'write'] as const)('is lost if something fails: %s', async fails => {
    const { subject } = engine({ undisturbed: 'spring', fails })
    const { verdict, why } = await tryFreeze(subject, 1)
    expect(verdict).toBe('broken')
    expect(why).toMatch(/^an answer does not survive being frozen: (it does not|its answer ended too early)[^\n]*$/)
  })

  it.each([
    ['level 3 ends the engine', 3, { undisturbed: 'spring' }],
    ['the option freeze is false', 1, { undisturbed: 'spring', freeze: false }],
    ['vLLM 0.17.1 does not go on with requests after level 2', 2, { undisturbed: 'spring', version: '0.17.1' }],
    ['it makes no text', 1, { undisturbed: undefined }],
    ['its answer was over before it could be frozen', 1, { undisturbed: 'spring', isQuick: true }]
  ] as const)('is not tried, and why is told: %s', async (why, level, texts) => {
    const { subject } = engine(texts)
    expect(await tryFreeze(subject, level)).toMatchObject({ verdict: 'not tried', why: expect.stringContaining(why) })
  })
})
