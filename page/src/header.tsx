import { act } from './actions.ts'
import { Live, Lost, Mark } from './connection.tsx'
import type { Overview } from './types.ts'

const tabs = [{ hash: '#/', label: 'Now' }, { hash: '#/requests', label: 'Requests' }, { hash: '#/try', label: 'Try a model' }, { hash: '#/what-if', label: 'What if' }]

export function Header ({ overview: { status }, hash, onLeave }: { overview: Overview, hash: string, onLeave: (() => void) | undefined }) {
  const { paused } = status
  return (
    <>
      <header class='top'>
        <a class='brand' href='#/'><Mark />llmux</a>
        <nav aria-label='Pages'>
          {tabs.map(({ hash: one, label }) => <a key={one} href={one} aria-current={one === hash ? 'page' : undefined}>{label}</a>)}
        </nav>
        <div class='right'>
          <Live />
          {paused === undefined && <button type='button' class='quiet' onClick={() => act({ kind: 'pause' }, status)}>Pause</button>}
          {onLeave !== undefined && <button type='button' class='quiet' onClick={onLeave}>Sign out</button>}
        </div>
      </header>
      {paused !== undefined && (
        <div class='banner' role='status'>
          <span>{paused === 'traffic' ? 'Traffic is paused: no request is admitted.' : 'Switching is paused: awake models stay awake.'}</span>
          <button type='button' onClick={() => act({ kind: 'resume' }, status)}>Resume</button>
        </div>
      )}
      <Lost />
    </>
  )
}
