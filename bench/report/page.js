import { markdown } from 'fastify-llmux/simulator'
import { ratio, ratioRows } from './compare.js'
import { distances } from './references.js'
import { againstOthers, beside, byFamily, lost, many } from './sections.js'

/** @typedef {import('./compare.js').Case} Case */
/** @typedef {import('./references.js').Reference} Reference */

/** @param {Case[]} cases */
const sustained = cases => cases.filter(({ results }) => Object.values(results).every(({ mean }) => mean < 120_000))

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
- \`fifo\` with \`minActive\` where the longest wait matters more than the mean, and the order of arrival should be seen to count. Its longest wait is
  often shorter than that of \`even-handed\`.
- \`simple\` where you want to foretell what it does by counting requests. It is good as long as switches cost some seconds; at 30 s it can fail badly.
- \`fifo\` where requests are so few that hardly two of them meet: there all policies are alike.
- \`cost-aware\` and \`time-slice\` for those who come from llmux 0.9 and want the same. Both keep their bound of 15 s by leaving at once, which
  under load spends the GPU's time on switches: then everybody waits, without end.

Your own traffic decides: \`npx fastify-llmux simulate requests.csv\`.

## Two services on one GPU

${pictures.map(file => `![${file.replace('.svg', '')}](scheduling/${file})`).join('\n')}

## Recorded traffic

The second half of each trace, which nothing was tuned on; × is by how much the time was stretched, so that one GPU can do it. Ratios to \`time-slice\`, geometric means
over ${recordedCases.length} cases:

${markdown(ratioRows(recordedCases))}

In many of these \`time-slice\` and \`cost-aware\` do not keep up. In the ${sustained(recordedCases).length} in which every policy has a mean wait below 120 s:

${markdown(ratioRows(sustained(recordedCases)))}

Case by case: \`even-handed\`, and the best and the worst of the others by mean wait; \`its\` p99 and maximum are those of the best other.

${againstOthers(recordedCases)}

\`matrix\`: what switches took on one L40, by the kind of the model (gpt-oss-20b to gemma-12b 38.5 s and back 3.6 s; with qwen3-4b 50 to 63 s; 10 s to one of its own kind); models are of
these kinds in turn.

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

Two causes. One model that comes in bursts of hundreds (ServeGen): \`even-handed\` gives the GPU to where most waiting has piled up for the time it will take, and a burst
has more of it than anybody else for as long as it lasts, so small queues wait for it. \`simple\` counts requests against those in flight and goes to the small ones
first. And the longest wait: \`even-handed\` lets the few wait for the many, up to its bound (60 s and more, see [policies.md](policies.md)); \`fifo\` does not.

On made-up traffic:

${lost(syntheticCases)}

## Many models, few requests

27 models, of which the first is asked for most (Zipf), for a day:

${many()}

## How far from what is possible

The best online policy for two models with Poisson traffic and exponential times in the engine, K = 12: a Markov decision process, solved exactly. No policy without
knowledge of the future is better; the mean wait of each policy as a multiple of it:

${beside(best)}

The least mean wait for somebody who knows the future, on short traces (0.2 + 0.2/s for four minutes, 10 s a switch). Most of this distance is knowledge, not
scheduling:

${beside(clairvoyant)}

## How far to trust it

- The switcher, the policies and what they learn are those of production. Engines are not: a request takes the same time however many run beside it, nothing fails, nobody gives up,
  and a switch always costs the same.
- All policies begin without knowledge of costs, rates and times, and learn as in production.
- Nobody is turned away: \`maxQueue\` and \`timeouts.queue\` are off.
- \`node bench/replay.js\` sends two minutes of a trace through the real gateway with mock engines, and compares.
`
}
