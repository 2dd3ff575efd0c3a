import { bytes, ticking } from './format.ts'
import { now } from './store.ts'
import type { Overview } from './types.ts'

interface Part { name: string, bytes: number, kind: string }

export function Memory ({ overview: { status, hostMemory } }: { overview: Overview }) {
  return (
    <section class='card' aria-labelledby='memory-title'>
      <header><h2 id='memory-title'>Memory</h2></header>
      {status.gpuMemory.length === 0 && <p class='muted'>GPU memory is seen once a model has been started, where nvidia-smi or another command tells it.</p>}
      {status.gpuMemory.map(({ gpu, used, total, time }) => <Bar key={gpu} label={`GPU ${gpu}`} total={total} note={`seen ${ticking(now() - time)} ago`} parts={[{ name: holders(status.models, gpu), bytes: used, kind: 'awake' }]} />)}
      {hostMemory !== undefined && <Bar label='Host' total={hostMemory.total} note='now' parts={hostParts(hostMemory)} />}
    </section>
  )
}

/** Who may hold it: GPU memory is told as a whole. */
function holders (models: Overview['status']['models'], gpu: number): string {
  const running = models.filter(({ gpus, pid }) => gpus.includes(gpu) && pid !== undefined).map(({ name }) => name)
  return running.length === 0 ? 'used, by nobody of ours' : `used, by ${running.join(', ')} and whoever else is there`
}

function hostParts ({ total, available, models }: NonNullable<Overview['hostMemory']>): Part[] {
  const ours = Object.entries(models).map(([name, held]) => ({ name, bytes: held, kind: 'awake' }))
  const others = Math.max(0, total - available - ours.reduce((sum, one) => sum + one.bytes, 0))
  return [...ours, { name: 'others', bytes: others, kind: 'stranger' }]
}

function Bar ({ label, total, note, parts }: { label: string, total: number, note: string, parts: Part[] }) {
  const used = parts.reduce((sum, one) => sum + one.bytes, 0)
  return (
    <div class='memory'>
      <div class='memory-head'><strong>{label}</strong><span>{bytes(used)} of {bytes(total)}</span><span class='muted'>{note}</span></div>
      <div class='bar' role='img' aria-label={`${label}: ${bytes(used)} of ${bytes(total)} used`}>
        {parts.map(({ name, bytes: held, kind }, index) => <i key={name} class={`${kind} part-${index % 4}`} style={{ width: `${Math.min(100, held / total * 100)}%` }} title={`${name}: ${bytes(held)}`} />)}
      </div>
      <ul class='parts'>{parts.map(({ name, bytes: held, kind }, index) => <li key={name}><i class={`${kind} part-${index % 4}`} />{name} <span class='muted'>{bytes(held)}</span></li>)}</ul>
    </div>
  )
}
