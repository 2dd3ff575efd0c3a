import { useEffect, useState } from 'preact/hooks'
import { leave, signsIn } from './api.ts'
import { Confirmation } from './confirm.tsx'
import { Header } from './header.tsx'
import { Hero } from './hero.tsx'
import { follow } from './live.ts'
import { Memory } from './memory.tsx'
import { ModelPanel } from './model-panel.tsx'
import { Models } from './models.tsx'
import { Plots } from './plots.tsx'
import { InFlightList, Recent, WaitingList } from './requests.tsx'
import { Notes } from './notes.tsx'
import { Outside } from './sign-in.tsx'
import { useStore } from './store.ts'
import { Timeline } from './timeline.tsx'
import { TryModel } from './try-model.tsx'
import { WhatIf } from './what-if.tsx'
import type { Overview } from './types.ts'

function useHash (): string {
  const [hash, setHash] = useState(location.hash || '#/')
  useEffect(() => {
    const listener = () => setHash(location.hash || '#/')
    addEventListener('hashchange', listener)
    return () => removeEventListener('hashchange', listener)
  }, [])
  return hash
}

export function App () {
  const { view, overview } = useStore()
  const hash = useHash()
  if (overview === undefined || view === 'sign-in' || view === 'refused') return <Outside view={view} onEnter={follow} />
  const model = /^#\/model\/(.+)$/.exec(hash)?.[1]
  return (
    <>
      <a class='skip' href='#content'>Skip to the content</a>
      <Header overview={overview} hash={hash} onLeave={signsIn ? () => { leave().then(() => location.reload()) } : undefined} />
      <main id='content' tabIndex={-1}>
        <Page hash={hash} model={model === undefined ? undefined : decodeURIComponent(model)} overview={overview} />
      </main>
      <Confirmation />
      <Notes />
    </>
  )
}

function Page ({ hash, model, overview }: { hash: string, model: string | undefined, overview: Overview }) {
  if (model !== undefined) return <ModelPanel key={model} name={model} overview={overview} />
  if (hash === '#/requests') return <div class='stack'><h1 class='hidden'>Requests</h1><Plots overview={overview} /><WaitingList overview={overview} /><InFlightList overview={overview} /><Recent /></div>
  if (hash === '#/try') return <TryModel overview={overview} />
  if (hash === '#/what-if') return <WhatIf overview={overview} />
  return (
    <div class='stack'>
      <Hero overview={overview} />
      <Timeline overview={overview} />
      <div class='columns'>
        <div class='stack'><Models overview={overview} /><Memory overview={overview} /></div>
        <div class='stack'><WaitingList overview={overview} short /><InFlightList overview={overview} short /></div>
      </div>
    </div>
  )
}
