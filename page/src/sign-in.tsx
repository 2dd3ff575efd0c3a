import { useState } from 'preact/hooks'
import { enter, signsIn } from './api.ts'
import { changed, state } from './store.ts'
import type { State } from './store.ts'

/** What there is to see as long as there is no state to show. */
export function Outside ({ view, onEnter }: { view: State['view'], onEnter: () => void }) {
  if (view === 'sign-in' && signsIn) return <SignIn onEnter={onEnter} />
  if (view === 'sign-in' || view === 'refused') {
    return <main class='alone'><h1>llmux</h1><p>The gateway refuses access. Its guard decides who may see this page; without a key, only an address of this machine works.</p></main>
  }
  return <main class='alone' aria-busy='true'><h1>llmux</h1><p role='status'>Asking the gateway…</p></main>
}

function SignIn ({ onEnter }: { onEnter: () => void }) {
  const [error, setError] = useState<string>()
  const [busy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get('key')).trim()
    setBusy(true)
    setError(undefined)
    try {
      await enter(key)
      state.view = 'loading'
      changed()
      onEnter()
    } catch (failure) {
      setError((failure as Error).message)
      setBusy(false)
    }
  }
  return (
    <main class='alone'>
      <form class='card sign-in' onSubmit={submit}>
        <h1>llmux</h1>
        <label for='key'>Operators' key</label>
        <input id='key' name='key' type='password' autocomplete='current-password' required autofocus aria-describedby='key-note' aria-invalid={error !== undefined} />
        {error !== undefined && <p class='error' role='alert'>{error}</p>}
        <button type='submit' class='primary' disabled={busy}>Sign in</button>
        <p id='key-note' class='muted'>The operators' key (LLMUX_ADMIN_KEY of serve). The page sends it once; for twelve hours a cookie that no script can read replaces it.</p>
      </form>
    </main>
  )
}
