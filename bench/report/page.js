import { markdown } from 'fastify-llmux/simulator'
import { ratio, ratioRows } from './compare.js'
import { freezing, longs, overload, withoutEstimates } from './freezing.js'
import { distances, freezing as frozenReference } from './references.js'
import { againstOthers, beside, byFamily, lost, many } from './sections.js'
import { tried } from './tried-text.js'

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

Made by \`npm run report\` from the traces in \`bench/traces\` and from traffic made up by chance: the production switcher and the production
policies, on a simulated clock. What each policy does and what its options mean is in [policies.md](policies.md). Waits are in seconds, until a
request is let into its engine. One GPU, K = 32 requests at once.

## Which to choose

- \`even-handed\`, the default, where you have no reason for another: on recorded traffic its mean wait is ${of(recordedCases)} times that of \`time-slice\`, on
  made-up traffic ${of(syntheticCases)} times, and ${distances(best)['even-handed']?.toFixed(2)} times that of the best policy that there can be for two models.
- \`fifo\` with \`minActive\` where the longest wait matters more than the mean, and the order of arrival should be seen to count. With 5 s its longest wait is
  shorter than that of \`even-handed\` in ${count(recordedCases, results => times(results, 'fifo + 5 s', 'max') < 1)} recorded cases, its mean in ${count(recordedCases, results => times(results, 'fifo + 5 s', 'mean') < 1)}.
- \`simple\` where you want to foretell what it does by counting requests. With switches of some seconds it is close to \`even-handed\`, at times better; its mean is more
  than twice as long in ${count(recordedCases, results => times(results, 'simple', 'mean') > 2)} recorded cases.
- \`fifo\` where requests are so few that hardly two of them meet: there all policies but \`cost-aware\` are alike, and it is the simplest.
- \`cost-aware\` and \`time-slice\` for those who come from llmux 0.9 and want the same. Both leave at once for a request that has waited for 15 s, which is soon where a
  switch takes 10 s or more: in ${count(recordedCases, results => Math.max(times(results, 'cost-aware', 'mean'), times(results, 'time-slice', 'mean')) > 10)} recorded cases the mean wait of one of them is more than ten times that of \`even-handed\`.

Your own traffic decides: \`npx fastify-llmux simulate requests.csv\`.

## Two services on one GPU

The twenty minutes in which both have most to do.

${pictures.map(file => `![${file.replace('.svg', '')}](scheduling/${file})`).join('\n')}

## Recorded traffic

The second half of each trace, which nothing was tuned on; × is by how much the time was stretched, so that one GPU can do it. Ratios to \`time-slice\`, geometric means
over ${recordedCases.length} cases:

${markdown(ratioRows(recordedCases))}

Where a policy does not keep up, its mean wait is the longer the longer the trace is. In the ${sustained(recordedCases).length} cases in which every policy has a mean
wait below 120 s:

${markdown(ratioRows(sustained(recordedCases)))}

Case by case: \`even-handed\`, and the best and the worst of the others by mean wait; \`its\` p99 and maximum are those of the best other.

${againstOthers(recordedCases)}

\`matrix\`: what switches took on one L40, by the kind of the model (gpt-oss-20b to gemma-12b 38.5 s and back 3.6 s; with qwen3-4b 50 to 63 s; 10 s to one of its own kind); models are of
these kinds in turn.

## Freezing

All tables but these are without [freezing](freezing.md). Here \`even-handed\` with \`freeze: true\` is compared with itself with \`freeze: false\`, on the second halves of
the recorded traces: ratios, below 1 is better. *To the end* is from a request's arrival to its last byte, *slowdown* that time over what the request would take alone. A thaw
costs nothing here; see *How far to trust it*.

${freezing()}

What it costs is the longest time to the end: the one long answer that used to keep everybody waiting is frozen for the short ones. So that this has an end, a request that has lasted three times as long as
the mean is not frozen again until it has been worked on for twice as long as it has been frozen. Without that rule the longest time to the end was 2.2, 2.0 and 1.8 times as long at 1, 5 and 15 s, and the mean wait 0.35, 0.67 and 0.88. 1.3 was aimed at:
with the rule from twice the mean on it was 1.27, 1.37 and 1.36 on the first halves, but the mean wait 0.37 instead of 0.34 at 1 s, which is too dear.

Do the estimates of \`even-handed\` pay, where a switch waits for nobody? \`simple\`, which has none, with \`freeze: true\`: ratios to \`even-handed\` with \`freeze: true\`, above 1 \`even-handed\` is better:

${withoutEstimates()}

They do, so that \`even-handed\` stays the default: by the mean wait, its tail and the slowdown. \`simple\` switches less, and by the time to the end it is about as good where a switch takes few seconds.

Answers of two minutes on average, 0.02 a second, beside a chat of 3 s on average, 0.2 a second, for four hours:

${longs()}

Overload: the first trace at its recorded speed, more than the GPU can do. *To serve all* is the time until the last answer, so that below 1 more tokens a second were served:

${overload()}

## Made-up traffic

An hour each, two seeds that nothing was tuned on, switch costs of 3, 10, 30 s and the matrix: ${syntheticCases.length} cases. Ratios to \`time-slice\`:

${markdown(ratioRows(syntheticCases))}

In the ${sustained(syntheticCases).length} in which every policy has a mean wait below 120 s:

${markdown(ratioRows(sustained(syntheticCases)))}

Mean wait by kind of traffic:

${byFamily(syntheticCases)}

## Where \`even-handed\` loses

Against the best of the others in each case and each measure, so against five at once. On recorded traffic by more than 2 % of the mean, or 10 % of p99 or the longest wait:

${lost(recordedCases)}

Most of it is the longest wait: \`even-handed\` lets the few wait for the many, until they are overdue (after 60 s and more, see [policies.md](policies.md)); \`fifo\` does not.
And ServeGen, whose models come in bursts of hundreds, with switches of 3 and 10 s: \`simple\` is better there, probably since it leaves a busy model sooner.

On made-up traffic:

${lost(syntheticCases)}

## Many models, few requests

27 models, of which the first is asked for most (Zipf), for a day:

${many()}

## How far from what is possible

The best online policy for two models with Poisson traffic and exponential times in the engine, K = 12: a Markov decision process, solved exactly. No policy without
knowledge of the future is better on average; six hours were simulated, so that some per cent are chance. The mean wait of each policy as a multiple of it:

${beside(best)}

\`even-handed, patient\` has \`beta: 1\` and \`maxWait: 300_000\`. Where one model has 95 % of the requests \`even-handed\` is furthest from the best: there a
request is overdue after one minute, and most of what the longer \`maxWait\` gains is gained there. What it does not know is not the reason: given the true rates, times
and costs it came no nearer in three of four pairs that were tried (0.5 + 0.1/s at 30 s: 1.01 instead of 1.09), and it is the same without the first half hour. In
the four pairs that were looked at the best policy never drains a busy model; \`even-handed\` has to when a request is overdue, and does when more wait than usual.

Where requests can be frozen, the state has them too: times without memory make one that is frozen as good as one that waits. K = 12, six hours; the mean time that a request waits or is frozen, in seconds for the
best, and as a multiple of it for the best policy that drains, and for ours with \`freeze: true\`:

${frozenReference()}

With such times those who have lasted long are no reason to freeze, and estimates gain nothing over counting: \`simple\` is as near. On recorded traffic, where times have long tails, it is not; see *Freezing*.

The least mean wait for somebody who knows the future, on short traces (0.2 + 0.2/s for four minutes, 10 s a switch). Most of this distance is knowledge, not
scheduling:

${beside(clairvoyant)}

## What was tried

On the first halves of the recorded traces, which the tables above do not use:

- Those who wait for room at the awake model count as well (kept): one that gets more at once than its engine takes is no longer left for an overdue request
  that came after theirs. ServeGen's mean wait became 0.81 of what it was, its p99 0.68, all else stayed as it was.
- A closer estimate of how long a queue of more than K takes to serve, to choose the next model by: 1.01 on ServeGen, not kept.
- To choose it by the number of requests rather than by how long they have waited: 0.985 on ServeGen, but p99 1.05, not kept. Both were tried without the first.
- To stay three drains longer before one goes to an overdue request: 0.99 of the mean on all traces, but a longer bound, not kept.

${tried}

## How far to trust it

- The switcher, the policies and what they learn are those of production. Engines are not: a request takes the same time however many run beside it, nothing fails, nobody gives up,
  and a switch always costs the same.
- All policies begin without knowledge of costs, rates and times, and learn as in production.
- With freezing, prompts and tokens so far are computed again after each thaw: some tenths of a second for each thousand tokens that were in flight. \`costs.thaw\` has the simulator
  count it; in the tables above it is 0.
- Nobody is turned away: \`maxQueue\` and \`timeouts.queue\` are off.
- \`node bench/replay.js\` sends two minutes of a trace through the real gateway with mock engines, and compares.
`
}
