/**
 * How often a property is tried: `FC_RUNS` in the environment, or few enough for CI. `FC_SEED` and `FC_PATH` repeat a
 * failure; fast-check prints both with it.
 */
export function property (runs: number): { numRuns: number, seed?: number, path?: string } {
  const { FC_RUNS, FC_SEED, FC_PATH } = process.env
  return {
    numRuns: FC_RUNS === undefined ? runs : Number(FC_RUNS),
    ...(FC_SEED !== undefined && { seed: Number(FC_SEED) }),
    ...(FC_PATH !== undefined && { path: FC_PATH })
  }
}
