import { useEffect, useRef, useState } from 'preact/hooks'
import { open } from './api.ts'
import { readEvents } from './event-stream.ts'
import { duration, plural, ticking } from './format.ts'
import { lookSoon } from './live.ts'
import { now } from './store.ts'
import type { Overview } from './types.ts'

interface Message { role: 'user' | 'assistant', content: string, note?: string }

/** A small chat, whose text goes to the engine only. */
export function TryModel ({ overview }: { overview: Overview }) {
  const { models, disabled } = overview.status
  const [model, setModel] = useState(() => (models.find(({ state }) => state === 'awake') ?? models[0])?.name ?? '')
  const [messages, setMessages] = useState<Message[]>([])
  const [request, setRequest] = useState<string>()
  const [busy, setBusy] = useState(false)
  const controller = useRef<AbortController>(undefined)
  const end = useRef<HTMLDivElement>(null)
  useEffect(() => () => controller.current?.abort(), [])
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [messages])

  const ask = async (content: string) => {
    const asked: Message[] = [...messages, { role: 'user', content }]
    setMessages(asked)
    setBusy(true)
    const begin = performance.now()
    let answer: Message = { role: 'assistant', content: '' }
    const show = (change: Partial<Message>) => {
      answer = { ...answer, ...change }
      setMessages([...asked, answer])
    }
    controller.current = new AbortController()
    let first: number | undefined
    try {
      const body = JSON.stringify({ model, messages: asked.map(({ role, content }) => ({ role, content })), max_tokens: 512 })
      const response = await open('chat', { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: controller.current.signal })
      lookSoon(0)
      await readEvents(response, ({ event, data }) => {
        if (event === 'request') return setRequest(JSON.parse(data).request)
        if (event === 'error') return show({ note: JSON.parse(data).error.message })
        if (data === '[DONE]') return
        const chunk = JSON.parse(data)
        if (chunk.error !== undefined) return show({ note: chunk.error.message })
        const text = chunk.choices?.[0]?.delta?.content
        if (typeof text !== 'string' || text === '') return
        first ??= performance.now()
        show({ content: answer.content + text })
      })
      if (answer.note === undefined && first !== undefined) show({ note: `first word after ${duration(first - begin)}, ${duration(performance.now() - begin)} in all` })
    } catch (error) {
      show({ note: controller.current.signal.aborted ? 'You stopped it.' : (error as Error).message })
    } finally {
      setBusy(false)
      setRequest(undefined)
    }
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const text = String(new FormData(form).get('text')).trim()
    if (text === '' || busy) return
    form.reset()
    ask(text)
  }
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    event.currentTarget.form!.requestSubmit()
  }
  return (
    <section class='card chat' aria-labelledby='try-title'>
      <header>
        <h1 id='try-title'>Try a model</h1>
        <label class='pick'>Model <select aria-label='Model' value={model} onChange={({ currentTarget }) => setModel(currentTarget.value)}>{models.map(({ name, state }) => <option key={name} value={name} disabled={disabled.includes(name)}>{name} ({state})</option>)}</select></label>
        {messages.length > 0 && <button type='button' class='quiet' disabled={busy} onClick={() => setMessages([])}>Clear</button>}
      </header>
      <div class='messages' aria-live='polite' tabIndex={0} role='log' aria-label='Conversation'>
        {messages.length === 0 && <p class='muted'>Your text goes to the engine only, and is gone when you close this page. A request for a sleeping model may cause a switch, as any request does.</p>}
        {messages.map(({ role, content, note }, index) => <div key={index} class={`message ${role}`}>{content !== '' && <p>{content}</p>}{note !== undefined && <small>{note}</small>}</div>)}
        {busy && <WaitTold request={request} overview={overview} model={model} begun={messages.at(-1)?.role === 'assistant'} />}
        <div ref={end} />
      </div>
      <form onSubmit={submit}>
        <textarea name='text' rows={2} placeholder='Ask something' aria-label='Your message' onKeyDown={onKeyDown} />
        {busy ? <button type='button' onClick={() => controller.current?.abort()}>Stop</button> : <button type='submit' class='primary'>Send</button>}
      </form>
    </section>
  )
}

/** Why nothing comes yet. */
function WaitTold ({ request, overview: { waiting, inFlight, status }, model, begun }: { request: string | undefined, overview: Overview, model: string, begun: boolean }) {
  if (begun) return null
  const own = waiting.find(one => one.request === request && request !== undefined)
  if (own !== undefined) return <p class='wait'><span class='spinner' />Waits for {model}, place {own.position}, for {ticking(now() - own.since)}, still about {ticking(own.wait)}{own.position > 1 ? `: ${plural(own.position - 1, 'request')} before you` : ''}.</p>
  if (inFlight.some(one => one.request === request)) return <p class='wait'><span class='spinner' />{model} has the request, and has not answered yet.</p>
  const state = status.models.find(({ name }) => name === model)?.state
  return <p class='wait'><span class='spinner' />Asking {model}{state === undefined || state === 'awake' ? '' : `, which is ${state}`}…</p>
}
