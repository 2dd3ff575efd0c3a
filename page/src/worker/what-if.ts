import { picture } from '../../../lib/simulator/picture.ts'
import { simulate } from '../../../lib/simulator/simulate.ts'
import { row } from '../../../lib/simulator/table.ts'
import { readCsv } from '../../../lib/simulator/traffic/csv.ts'
import { costsOf } from './costs.ts'
import type { Answer, Question } from './messages.ts'

// The switcher and the policies as they run in production, in a thread of the browser: the gateway has no part in it.

const tell = (answer: Answer) => postMessage(answer)

function run (question: Question): void {
  const { csv, policies, maxConcurrency, freeze } = question
  const arrivals = readCsv(csv)
  const models = [...new Set(arrivals.map(({ model }) => model))]
  const costs = costsOf(models, question)
  tell({ kind: 'read', requests: arrivals.length, models: models.length, span: arrivals.at(-1)!.time })
  for (const policy of policies) {
    const { timeline, ...result } = simulate({ arrivals, policy, costs, maxConcurrency, freeze, timeline: true })
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
