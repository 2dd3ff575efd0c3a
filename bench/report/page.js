import { markdown } from 'fastify-llmux/simulator'
import { ratio, ratioRows } from './compare.js'
import { freezing, longs, overload, withoutEstimates } from './freezing.js'
import { distances, freezing as frozenReference } from './references.js'
import { beside, byFamily, lost, many } from './sections.js'

/** @typedef {import('./compare.js').Case} Case */
/** @typedef {import('./references.js').Reference} Reference */

/** @param {Case[]} cases */
const sustained = cases => cases.filter(({ results }) => Object.values(results).every(({ mean }) => mean < 120_000))

/** In how many cases. @param {Case[]} cases @param {(results: Case['results']) => boolean} which */
const count = (cases, which) => `${cases.filter(({ results }) => which(results)).length} of ${cases.length}`

/** @param {Case['results']} results @param {string} policy @param {'mean' | 'max'} measure */
const times = (results, policy, measure) => (results[policy]?.[measure] ?? NaN) / (results['even-handed']?.[measure] ?? NaN)

/** @param {{ recordedCases: Case[], syntheticCases: Case[], best: Reference[], clairvoyant: Reference[], pictures: string[] }} found */
export function page ({ recordedCases, syntheticCases, best, clairvoyant, pictures }) {
  const of = (/** @type {Case[]} */ cases) => ratio(cases, 'even-handed', 'mean').toFixed(2)
  return `# When to switch, measured

You want to know which policy suits your traffic. \`npm run report\` makes this page from the traces in \`bench/traces\` and from generated traffic, with the
production switcher and policies on a simulated clock. [Policies](policies.md) explains each policy and its options. Waits are in seconds, until a
request is admitted to its engine. One GPU, K = 32 requests at once.

\`\`\`yaml
models:
  chat: { path: Qwen/Qwen3-14B }
  code: { path: Qwen/Qwen2.5-Coder-14B }
policy: { type: fifo, minActive: 5000 } # in place of even-handed, the default
\`\`\`

## Which to choose

- \`even-handed\`, the default, if you have no reason for another: on recorded traffic its mean wait is ${of(recordedCases)} times that of \`time-slice\`, on
  made-up traffic ${of(syntheticCases)} times, and ${distances(best)['even-handed']?.toFixed(2)} times that of the best possible policy for two models.
- \`fifo\` with \`minActive\` if the longest wait matters more than the mean, and the order of arrival should count visibly. With 5 s its longest wait is
  shorter than that of \`even-handed\` in ${count(recordedCases, results => times(results, 'fifo + 5 s', 'max') < 1)} recorded cases, its mean in ${count(recordedCases, results => times(results, 'fifo + 5 s', 'mean') < 1)}.
- \`simple\` if you want to predict its decisions by counting requests. With switches of some seconds it is close to \`even-handed\`, at times better; its mean is more
  than twice as long in ${count(recordedCases, results => times(results, 'simple', 'mean') > 2)} recorded cases.
- \`fifo\` if requests rarely overlap: then all policies but \`cost-aware\` are alike, and it is the simplest.
- \`cost-aware\` and \`time-slice\` if you come from llmux 0.9 and want the same. Both leave at once for a request that has waited for 15 s, which is short if a
  switch takes 10 s or more: in ${count(recordedCases, results => Math.max(times(results, 'cost-aware', 'mean'), times(results, 'time-slice', 'mean')) > 10)} recorded cases the mean wait of one of them is more than ten times that of \`even-handed\`.

Your own traffic decides: \`npx fastify-llmux simulate requests.csv\`.

## Two services on one GPU

The busiest twenty minutes.

${pictures.map(file => `![${file.replace('.svg', '')}](scheduling/${file})`).join('\n')}

## Recorded traffic

The second half of each trace, which was not used for tuning; × is the factor by which the time was stretched, so that one GPU suffices. Ratios to \`time-slice\`, geometric means
over ${recordedCases.length} cases:

${markdown(ratioRows(recordedCases))}

If a policy cannot keep up, its mean wait grows with the length of the trace. In the ${sustained(recordedCases).length} cases in which every policy has a mean
wait below 120 s:

${markdown(ratioRows(sustained(recordedCases)))}

\`matrix\`: what switches took on one L40, by the kind of the model (gpt-oss-20b to gemma-12b 38.5 s and back 3.6 s; with qwen3-4b 50 to 63 s; 10 s to one of its own kind); models are of
these kinds in turn.

## Freezing

All other tables are without [freezing](freezing.md). Here \`even-handed\` with \`freeze: true\` is compared with itself with \`freeze: false\`, on the second halves of
the recorded traces, as fast as above and twice as fast: geometric means of the ratios over eight traces; below 1 is better. *To the end* is from a request's arrival to its last byte, *slowdown* that time divided by
the time that the request would take alone. A thaw costs nothing here; see *How far to trust it*.

${freezing()}

Freezing makes the longest time to the end longer: a long answer that used to hold up all others is frozen for the short ones. This is limited:
[policies.md](policies.md#the-rules) says which requests are not frozen for a while. The busier the GPU, the more freezing gains: requests spend more of their time waiting, and less being served.

\`simple\`, which makes no estimates, with \`freeze: true\`, as ratios to \`even-handed\` with \`freeze: true\`; above 1 \`even-handed\` is better:

${withoutEstimates()}

\`even-handed\` has the shorter mean wait, tail and slowdown. \`simple\` switches less, and its time to the end is about as good with switches of a few seconds.

Answers of two minutes on average, 0.02 a second, beside a chat of 3 s on average, 0.2 a second, for four hours:

${longs()}

Overload: the first trace at its recorded speed, more than the GPU can do. *To serve all* is the time until the last answer, so that below 1 more tokens a second were served:

${overload()}

## Generated traffic

An hour each, two seeds that were not used for tuning, switch costs of 3, 10, 30 s and the matrix: ${syntheticCases.length} cases. Ratios to \`time-slice\`:

${markdown(ratioRows(syntheticCases))}

In the ${sustained(syntheticCases).length} in which every policy has a mean wait below 120 s:

${markdown(ratioRows(sustained(syntheticCases)))}

Mean wait by kind of traffic:

${byFamily(syntheticCases)}

## Where \`even-handed\` loses

Against the best of five other policies in each case and each measure: by more than 2 % of the mean, or 10 % of p99 or the longest wait. On recorded traffic:

${lost(recordedCases)}

Mostly it loses by the longest wait: \`even-handed\` lets few requests wait for many, until they are overdue (after 60 s and more, see [policies.md](policies.md)); \`fifo\` does not.
On ServeGen, with bursts of hundreds of requests and switches of 3 and 10 s, \`simple\` has the shorter mean, probably because it leaves a busy model sooner.

On generated traffic:

${lost(syntheticCases)}

## Many models, few requests

27 models with Zipf-distributed popularity, for a day:

${many()}

## How far from what is possible

The best online policy for two models with Poisson traffic and exponential times in the engine, K = 12: a Markov decision process, solved exactly. No policy without
knowledge of the future is better on average; six hours were simulated, so that some per cent are chance. The mean wait of each policy as a multiple of it:

${beside(best)}

\`even-handed, patient\` has \`beta: 1\` and \`maxWait: 300_000\`. Where one model has 95 % of the requests \`even-handed\` is furthest from the best: there a
request is overdue after one minute, and most of what the longer \`maxWait\` gains is gained there.

Where requests can be frozen, the state has them too: times without memory make one that is frozen as good as one that waits. K = 12, six hours; the mean time that a request waits or is frozen, in seconds for the
best, and as a multiple of it for the best policy that drains, and for ours with \`freeze: true\`:

${frozenReference()}

With such times no answer is more likely to last than another, so that long ones are not a reason to freeze. On recorded traffic, where times have long tails, they are; see *Freezing*.

The least mean wait with knowledge of the future, on twelve short traces (0.2 + 0.2/s for four minutes, 10 s a switch). Most of this distance is knowledge, not
scheduling:

${beside(clairvoyant, { onlyMean: true })}

## How far to trust it

- The switcher, the policies and what they learn are those of production. Engines are simulated: a request takes the same time however many run beside it, nothing fails, no client disconnects,
  and a switch always costs the same.
- All policies begin without knowledge of costs, rates and times, and learn as in production.
- With freezing, prompts and tokens so far are computed again after each thaw: some tenths of a second for each thousand tokens that were in flight. \`costs.thaw\` has the simulator
  count it; in the tables above it is 0.
- No request is refused: \`maxQueue\` and \`timeouts.queue\` are off.
- \`node bench/replay.js\` sends two minutes of a trace through the real gateway with mock engines, and compares.
- [Variants that were tried](../bench/report/tried.md) and not kept.
`
}
