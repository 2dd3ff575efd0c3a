import { useStore } from './store.ts'

/** What has come of an action. */
export function Notes () {
  const { notes } = useStore()
  return <div class='notes' role='status'>{notes.map(({ id, kind, text }) => <p key={id} class={kind}>{text}</p>)}</div>
}
