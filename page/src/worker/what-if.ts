import { picture } from '../../../lib/simulator/picture.ts'
import { simulate } from '../../../lib/simulator/simulate.ts'
import { row } from '../../../lib/simulator/table.ts'
import { readCsv } from '../../../lib/simulator/traffic/csv.ts'
import type { Answer, Question } from './messages.ts'

// The switcher and the policies as they run in production, in a thread of the browser: the gateway has no part in it.

const tell = (answer: Answer) => postMessage(answer)

function run ({ csv, policies, cost, start, maxConcurrency }: Question): void {
  const arrivals = readCsv(csv)
  const models = new Set(arrivals.map(({ model }) => model)).size
  tell({ kind: 'read', requests: arrivals.length, models, span: arrivals.at(-1)!.time })
  for (const policy of policies) {
    const { timeline, ...result } = simulate({ arrivals, policy, costs: { switch: cost, start }, maxConcurrency, timeline: true })
    tell({ kind: 'result', policy, row: row(result), mean: result.mean, picture: picture(timeline!, { title: policy }) })
  }
  tell({ kind: 'done' })
}

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  try {
    run(data)
  } catch (error) {
    tell({ kind: 'failed', message: (error as Error).message })
  }
})
