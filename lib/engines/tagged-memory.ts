import type { EngineCalls, WakeStep } from './adapter.ts'

/**
 * Engines that free memory by tags. After level 2 there are no weights: without the reload they would generate garbage
 * without an error.
 */
export const wakeSteps = (level: 1 | 2): readonly WakeStep[] => level === 1 ? ['wake'] : ['wake weights', 'reload', 'wake kv_cache', 'resetPrefixCache']

/** The version in the answer of such a route; undefined without one. */
export async function versionAt (calls: EngineCalls, path: string): Promise<string | undefined> {
  const { version } = await calls.json(path) as { version?: unknown }
  return typeof version === 'string' ? version : undefined
}
