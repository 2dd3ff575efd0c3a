import { useState } from 'preact/hooks'
import { enter } from './api.ts'
import { follow } from './live.ts'
import { changed, state } from './store.ts'

export function SignIn () {
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
      follow()
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
