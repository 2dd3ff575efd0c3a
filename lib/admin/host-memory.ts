import { groupMemory, machineMemory } from '../orchestrator/memory/host-memory.ts'
import type { HostMemory as MachineMemory } from '../orchestrator/memory/host-memory.ts'

/** In bytes. */
export interface HostMemory extends MachineMemory {
  /** Memory of each model's processes, if it has any and /proc is readable. */
  models: Record<string, number>
}

interface Running {
  name: string
  pid: number | undefined
}

/** What the machine has, and what of it the engines hold. */
export async function hostMemory (models: readonly Running[]): Promise<HostMemory> {
  const running = models.flatMap(({ name, pid }) => pid === undefined ? [] : [{ name, pid }])
  const held = await Promise.all(running.map(async ({ name, pid }) => [name, await groupMemory(pid) ?? 0] as const))
  return { ...await machineMemory(), models: Object.fromEntries(held.filter(([, bytes]) => bytes > 0)) }
}
