const { admin = '.', signIn = 'false' } = document.documentElement.dataset

/** Where the operators' routes are. */
const base = new URL(`${admin}/`, document.baseURI)

/** Whether one signs in with a key. */
export const signsIn = signIn === 'true'

/** Shows the gateway that it is this page that asks: a form on another one cannot send it. */
const own = { 'x-llmux-page': '1' }

export class ApiError extends Error {
  readonly status: number
  readonly code: string | undefined

  constructor (status: number, message: string, code?: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** @throws {ApiError} */
async function checked (response: Response): Promise<Response> {
  if (response.ok) return response
  const text = await response.text()
  let error: { message?: string, code?: string } = {}
  try {
    error = JSON.parse(text).error ?? {}
  } catch { /* no JSON: a proxy's page, say, and its status is all there is to tell */ }
  throw new ApiError(response.status, error.message ?? `the server answered ${response.status}`, error.code)
}

export async function open (path: string, init: RequestInit = {}): Promise<Response> {
  return await checked(await fetch(new URL(path, base), { ...init, headers: { ...own, ...init.headers }, credentials: 'same-origin', cache: 'no-store' }))
}

export async function get<T> (path: string): Promise<T> {
  return await (await open(path)).json() as T
}

export async function post (path: string, body?: object): Promise<unknown> {
  const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return await (await open(path, { method: 'POST', ...json })).json()
}

/** Slashes stay as they are: the routes know names that have them. */
export const modelPath = (name: string, action: string) => `models/${name.split('/').map(encodeURIComponent).join('/')}/${action}`

const path = base.pathname.replace(/\/$/, '')

/** @throws {ApiError} */
export async function enter (key: string): Promise<void> {
  const body = JSON.stringify({ key, path })
  await checked(await fetch(new URL('session', document.baseURI), { method: 'POST', headers: { 'content-type': 'application/json', ...own }, body, credentials: 'same-origin' }))
}

export async function leave (): Promise<void> {
  await fetch(new URL(`session?path=${encodeURIComponent(path)}`, document.baseURI), { method: 'DELETE', headers: own, credentials: 'same-origin' })
}
