/** The commands that are written down, for the next gateway. */
export interface OutsideRecord {
  /** Ends it at once. Does no harm if it is gone. */
  end: string[]
  /** Prints something as long as it is there. Default: nobody can tell, and the end of our process group is all there is to go by. */
  list?: string[]
}

/** What signals to our process group do not reach, such as a container, and the commands that do. */
export interface Outside extends OutsideRecord {
  signal: (signal: NodeJS.Signals) => string[]
}

/** A daemon that is busy takes its time; one that is stuck must not block us forever. Milliseconds. */
const commandLimit = 30_000

/** Runs one of the commands. Resolves with what it printed, or rejects with what went wrong. */
export async function tell ([file = '', ...args]: string[], env: Record<string, string> = {}): Promise<string> {
  // Not before: execa has a hundred modules, and a start need not wait for them.
  const { execa } = await import('execa')
  const { stdout } = await execa(file, args, { env, stdin: 'ignore', timeout: commandLimit, forceKillAfterDelay: 1_000 })
  return stdout.trim()
}

/** Ends what another gateway has left, as far as anybody can tell. Resolves with whether it was there. Rejects if it still is. */
export async function endOutside ({ end, list }: OutsideRecord): Promise<boolean> {
  if (list === undefined) {
    // Where it is gone the command may fail, which is as good.
    await tell(end).catch(() => {})
    return false
  }
  if (await tell(list) === '') return false
  await tell(end)
  if (await tell(list) !== '') throw new Error(`it is still there after ${end.join(' ')}`)
  return true
}
