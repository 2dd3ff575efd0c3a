import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { modelPath, open } from './api.ts'
import { plain } from './plain.ts'
import { tell } from './store.ts'

/** Lines in the page at most. */
const most = 3_000

/** The engine's output, followed while the panel is open. */
export function Log ({ name }: { name: string }) {
  const { lines, lost, again } = useLines(name)
  const [filter, setFilter] = useState('')
  const [following, setFollowing] = useState(true)
  const box = useRef<HTMLPreElement>(null)
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase()
    return wanted === '' ? lines : lines.filter(line => line.toLowerCase().includes(wanted))
  }, [lines, filter])
  useLayoutEffect(() => {
    if (following && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [shown, following])
  const copy = () => navigator.clipboard.writeText(shown.join('\n')).then(() => tell('good', `${shown.length} lines copied`), () => tell('bad', 'The browser does not allow copying here'))
  const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLPreElement }) => setFollowing(scrollHeight - scrollTop - clientHeight < 24)
  return (
    <section class='card log' aria-labelledby='log-title'>
      <header>
        <h2 id='log-title'>Log</h2>
        <input type='search' placeholder='Filter' aria-label='Filter the log' value={filter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
        <label><input type='checkbox' checked={following} onChange={({ currentTarget }) => setFollowing(currentTarget.checked)} /> Follow</label>
        <button type='button' class='quiet' onClick={copy}>Copy</button>
      </header>
      {lost && <p class='error'>The log has stopped. <button type='button' class='quiet' onClick={again}>Again</button></p>}
      <pre ref={box} tabIndex={0} aria-label={`Log of ${name}`} onScroll={onScroll}>{shown.length === 0 ? (lines.length === 0 ? 'No output yet.' : 'No line contains that.') : shown.join('\n')}</pre>
    </section>
  )
}

function useLines (name: string) {
  const [lines, setLines] = useState<string[]>([])
  const [lost, setLost] = useState(false)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    let all: string[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const add = (more: string[]) => {
      all = [...all, ...more.map(plain)].slice(-most)
      timer ??= setTimeout(() => { timer = undefined; setLines(all) }, 200)
    }
    const read = async () => {
      const response = await open(`${modelPath(name, 'logs')}?lines=1000&follow=true`, { signal: controller.signal })
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      for (let rest = ''; ;) {
        const { done, value } = await reader.read()
        if (done) return
        const parts = (rest + value).split('\n')
        rest = parts.pop()!
        if (parts.length > 0) add(parts)
      }
    }
    setLost(false)
    read().then(() => setLost(true), () => { if (!controller.signal.aborted) setLost(true) })
    return () => { controller.abort(); clearTimeout(timer) }
  }, [name, attempt])
  return { lines, lost, again: () => setAttempt(attempt + 1) }
}
