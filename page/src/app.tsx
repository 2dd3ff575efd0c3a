import { useEffect, useState } from 'preact/hooks'
import { leave, signsIn } from './api.ts'
import { Confirmation } from './confirm.tsx'
import { Header } from './header.tsx'
import { Hero } from './hero.tsx'
import { Memory } from './memory.tsx'
import { ModelPanel } from './model-panel.tsx'
import { Models } from './models.tsx'
import { Plots } from './plots.tsx'
import { InFlightList, Recent, WaitingList } from './requests.tsx'
import { SignIn } from './sign-in.tsx'
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
  if (view === 'sign-in' && signsIn) return <SignIn />
  if (view === 'sign-in' || view === 'refused') {
    return <main class='alone'><h1>llmux</h1><p>The gateway refuses access. Its guard decides who may see this page; without a key, only an address of this machine works.</p></main>
  }
  if (overview === undefined) return <main class='alone' aria-busy='true'><h1>llmux</h1><p role='status'>Asking the gateway…</p></main>
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

function Notes () {
  const { notes } = useStore()
  return <div class='notes' role='status'>{notes.map(({ id, kind, text }) => <p key={id} class={kind}>{text}</p>)}</div>
}
