import { ApiError, get, open } from './api.ts'
import { readEvents } from './event-stream.ts'
import type { StreamEvent } from './event-stream.ts'
import { addEngine, addResponse, addTransition, changed, remember, see, state } from './store.ts'
import type { History, Overview } from './types.ts'

/** Requests come by the hundred and the gateway counts them: their outcomes are enough here. */
const names = 'engine,transition,response,progress,control,models'

/** The gateway gives a sign of life every 15 s; longer than this without one, and the connection is dead though nobody has said so. Milliseconds. */
const silence = 25_000

/** From one look to the next. Milliseconds. */
const interval = 1_000
const soonest = 300

let lastId: string | undefined
let timer: ReturnType<typeof setTimeout> | undefined
let lookedAt = 0
let looking = false
/** Ends the stream: a gateway that does not answer is not connected, even if the stream seems open. */
let breakOff = (_reason: Error) => {}

/** Begins, and goes on for as long as the page is open. */
export async function follow (): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await stream(() => { attempt = 0 })
      lost('the gateway has ended the connection')
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return refused(error)
      lost((error as Error).message)
    }
    await pause(Math.min(500 * 2 ** attempt, 10_000))
  }
}

async function stream (onOpen: () => void): Promise<void> {
  const controller = new AbortController()
  breakOff = reason => controller.abort(reason)
  let watchdog: ReturnType<typeof setTimeout>
  const alive = () => {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => controller.abort(new Error('the gateway is silent')), silence)
  }
  alive()
  try {
    const response = await open(`events?names=${names}`, { signal: controller.signal, headers: lastId === undefined ? {} : { 'last-event-id': lastId } })
    if (state.view !== 'ready' || lastId === undefined) remember(await get<History>('history'))
    await look()
    state.view = 'ready'
    state.connection = { live: true }
    onOpen()
    changed()
    await readEvents(response, take, alive)
  } finally {
    clearTimeout(watchdog!)
    controller.abort()
  }
}

function take ({ id, event, data }: StreamEvent): void {
  if (id !== '') lastId = id
  const value = JSON.parse(data)
  // If that fails the connection is lost, which is told.
  if (event === 'gap') get<History>('history').then(remember, () => {})
  if (event === 'engine') addEngine(value)
  else if (event === 'transition') addTransition(value)
  else if (event === 'response') addResponse(value)
  else if (event === 'progress') state.progress.set(value.model, value)
  changed()
  lookSoon()
}

/** Asks how things stand: once for all that happens until then. */
export function lookSoon (delay = soonest): void {
  clearTimeout(timer)
  timer = setTimeout(lookAgain, Math.max(0, Math.min(delay, lookedAt + interval - Date.now())))
}

async function look (): Promise<void> {
  if (looking) return
  looking = true
  clearTimeout(timer)
  try {
    see(await get<Overview>('overview'))
    lookedAt = Date.now()
  } finally {
    looking = false
  }
  // Nobody sees a page that is hidden.
  if (!document.hidden) timer = setTimeout(lookAgain, interval)
}

function lookAgain (): void {
  look().catch(breakOff)
}

document.addEventListener('visibilitychange', () => { if (!document.hidden && state.view === 'ready') lookSoon(0) })

function lost (reason: string): void {
  state.connection = { live: false, lostAt: state.connection.lostAt ?? Date.now(), reason }
  changed()
}

function refused ({ status }: ApiError): void {
  lastId = undefined
  clearTimeout(timer)
  state.view = status === 401 ? 'sign-in' : 'refused'
  changed()
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
