import { useEffect, useRef } from 'preact/hooks'
import { answer, dismiss, question } from './question.ts'
import { useStore } from './store.ts'

/** Asks before something is done, and says what it will do. */
export function Confirmation () {
  useStore()
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question()
  useEffect(() => {
    if (asked !== undefined && dialog.current?.open === false) dialog.current.showModal()
  }, [asked])
  if (asked === undefined) return null
  return (
    <dialog ref={dialog} aria-labelledby='question' onClose={dismiss} onCancel={dismiss} onClick={event => { if (event.target === dialog.current) dismiss() }}>
      <div class='question'>
        <h2 id='question'>{asked.title}</h2>
        {asked.text.map(line => <p key={line}>{line}</p>)}
        <div class='answers'>
          <button type='button' class='quiet' onClick={dismiss}>Cancel</button>
          {asked.answers.map(one => <button key={one.label} type='button' class={one.danger ? 'danger' : 'primary'} onClick={() => { answer(asked, one) }}>{one.label}</button>)}
        </div>
      </div>
    </dialog>
  )
}
