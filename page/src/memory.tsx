import { bytes, ticking } from './format.ts'
import { now } from './store.ts'
import type { Overview } from './types.ts'

interface Part { name: string, bytes: number, model?: string }

export function Memory ({ overview: { status, hostMemory, gpuHolders } }: { overview: Overview }) {
  const names = status.models.map(({ name }) => name)
  return (
    <section class='card' aria-labelledby='memory-title'>
      <header><h2 id='memory-title'>Memory</h2></header>
      {status.gpuMemory.length === 0 && <p class='muted'>GPU memory is unknown: it needs nvidia-smi, or the option gpuMemoryCommand.</p>}
      {status.gpuMemory.map(({ gpu, used, total, time }) => <Bar key={gpu} label={`GPU ${gpu}`} total={total} note={`read ${ticking(now() - time)} ago`} names={names} parts={gpuParts(gpu, used, status.models, gpuHolders)} />)}
      {hostMemory !== undefined && <Bar label='Host' total={hostMemory.total} note='now' names={names} parts={hostParts(hostMemory)} />}
    </section>
  )
}

/** Each model, each process of somebody else's, and what no process is known to hold. */
function gpuParts (gpu: number, used: number, models: Overview['status']['models'], holders: Overview['gpuHolders']): Part[] {
  const here = holders?.filter(holder => holder.gpu === gpu) ?? []
  if (here.length === 0) return used === 0 ? [] : [{ name: mayHold(models, gpu), bytes: used }]
  const known = here.map(({ model, program, pid, bytes }) => model === undefined ? { name: `${program?.split('/').at(-1) ?? 'a process'} (pid ${pid})`, bytes } : { name: model, model, bytes })
  const rest = used - known.reduce((sum, one) => sum + one.bytes, 0)
  return [...known, ...rest > used / 100 ? [{ name: 'the driver, and unknown processes', bytes: rest }] : []]
}

/** Where GPU memory is told as a whole. */
function mayHold (models: Overview['status']['models'], gpu: number): string {
  const running = models.filter(({ gpus, pid }) => gpus.includes(gpu) && pid !== undefined).map(({ name }) => name)
  return running.length === 0 ? 'used, by none of these models' : `used, by ${running.join(', ')} and possibly others`
}

function hostParts ({ total, available, models }: NonNullable<Overview['hostMemory']>): Part[] {
  const ours = Object.entries(models).map(([name, held]) => ({ name, model: name, bytes: held }))
  const others = Math.max(0, total - available - ours.reduce((sum, one) => sum + one.bytes, 0))
  return [...ours, { name: 'others', bytes: others }]
}

/** A model has the same colour in each bar. */
function Bar ({ label, total, note, names, parts }: { label: string, total: number, note: string, names: string[], parts: Part[] }) {
  const used = parts.reduce((sum, one) => sum + one.bytes, 0)
  const kind = ({ model }: Part) => model === undefined ? 'stranger' : `part-${Math.max(0, names.indexOf(model)) % 4}`
  return (
    <div class='memory'>
      <div class='memory-head'><strong>{label}</strong><span>{bytes(used)} of {bytes(total)}</span><span class='muted'>{note}</span></div>
      <div class='bar' role='img' aria-label={`${label}: ${bytes(used)} of ${bytes(total)} used`}>
        {parts.map(part => <i key={part.name} class={kind(part)} style={{ width: `${Math.min(100, part.bytes / total * 100)}%` }} title={`${part.name}: ${bytes(part.bytes)}`} />)}
      </div>
      <ul class='parts'>{parts.map(part => <li key={part.name}><i class={kind(part)} />{part.name} <span class='muted'>{bytes(part.bytes)}</span></li>)}</ul>
    </div>
  )
}
