import { useEffect, useState } from 'preact/hooks'
import { duration } from './format.ts'
import { useStore } from './store.ts'

export function Mark () {
  return (
    <svg class='mark' viewBox='0 0 32 32' aria-hidden='true'>
      <rect width='32' height='32' rx='8' />
      <g><rect x='6' y='8' width='12' height='4' rx='2' /><rect x='14' y='14' width='12' height='4' rx='2' opacity='.75' /><rect x='6' y='20' width='8' height='4' rx='2' opacity='.5' /></g>
    </svg>
  )
}

export function Live () {
  const { connection: { live } } = useStore()
  return <span class={`live-dot ${live ? 'on' : 'off'}`} role='status'>{live ? 'live' : 'not connected'}</span>
}

/** What is on the page is old then, and says so. */
export function Lost () {
  const { connection: { live, lostAt } } = useStore()
  const [, tick] = useState(0)
  useEffect(() => {
    if (live) return
    const timer = setInterval(() => tick(count => count + 1), 1_000)
    return () => clearInterval(timer)
  }, [live])
  if (live || lostAt === undefined) return null
  return <div class='banner bad' role='alert'><span>No connection to the gateway. This page shows the state of {duration(Date.now() - lostAt)} ago. Trying again…</span></div>
}
