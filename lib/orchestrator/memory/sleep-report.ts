/** What an engine says of its sleep, in bytes of one GPU. */
export interface SleepReport {
  freed: number
  /** What it still holds. */
  kept: number
}

const gibibyte = 1024 ** 3

/** `Sleep mode freed 66.46 GiB memory, 0.8 GiB memory is still in use.` Seen on vLLM 0.26; each worker says it of its GPU. */
export function parseSleepReport (line: string): SleepReport | undefined {
  const [, freed, kept] = /Sleep mode freed ([\d.]+) GiB memory, ([\d.]+) GiB memory is still in use/.exec(line) ?? []
  return freed === undefined ? undefined : { freed: Number(freed) * gibibyte, kept: Number(kept) * gibibyte }
}
