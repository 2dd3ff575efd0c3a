import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { ProcessExit } from '../../../../lib/orchestrator/driver.ts'
import { spawnLeader } from '../../../../lib/orchestrator/local/leader.ts'
import { groupMembers } from '../../../../lib/orchestrator/local/proc.ts'

async function run (script: string, env: Record<string, string> = {}) {
  const leader = await spawnLeader(['/bin/sh', '-c', script, 'sh', 'an argument'], env)
  const exit = new Promise<ProcessExit>(resolve => leader.onExit(resolve))
  const [stdout, stderr] = await Promise.all([text(leader.stdout), text(leader.stderr)])
  leader.untrack()
  return { leader, stdout, stderr, exit: await exit }
}

describe('the leader of a group', () => {
  it('gets its arguments, our environment and its own, and nothing to read', async () => {
    process.env.LLMUX_TEST = 'ours'
    const { stdout, stderr, exit } = await run('echo "$1" $LLMUX_TEST $X; cat; echo oops >&2; exit 3', { X: 'its own' })
    delete process.env.LLMUX_TEST
    expect(stdout).toBe('an argument ours its own\n')
    expect(stderr).toBe('oops\n')
    expect(exit).toEqual({ code: 3, signal: null })
  })

  it('tells of the signal that ended it', async () => {
    expect((await run('kill -9 $$')).exit).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it.runIf(process.platform === 'linux')('has a group of its own', async () => {
    const leader = await spawnLeader(['/bin/sh', '-c', 'read line'], {})
    const waiting = await spawnLeader(['/bin/sleep', '60'], {})
    const exit = new Promise(resolve => waiting.onExit(resolve))
    expect((await groupMembers(waiting.pid))!.map(({ pid }) => pid)).toEqual([waiting.pid])
    process.kill(-waiting.pid, 'SIGKILL')
    await exit
    leader.untrack()
    waiting.untrack()
  })

  it('is killed with its group if we end before it', async () => {
    const before = process.listeners('exit')
    const leader = await spawnLeader(['/bin/sleep', '60'], {})
    const exit = new Promise(resolve => leader.onExit(resolve))
    const ours = process.listeners('exit').filter(listener => !before.includes(listener))
    expect(ours).toHaveLength(1)
    ours[0]!(0)
    expect(await exit).toEqual({ code: null, signal: 'SIGKILL' })
    leader.untrack()
    expect(process.listeners('exit')).toEqual(before)
  })

  it.each([
    [['/no/such/program'], 'ENOENT'],
    [['/etc/passwd'], 'EACCES'],
    [[], 'ERR_INVALID_ARG_VALUE']
  ])('that cannot be spawned says why: %j', async (argv, code) => {
    const before = process.listeners('exit')
    await expect(spawnLeader(argv, {})).rejects.toMatchObject({ code })
    expect(process.listeners('exit')).toEqual(before)
  })
})
