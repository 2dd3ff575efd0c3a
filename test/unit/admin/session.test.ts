import { describe, expect, test } from 'vitest'
import { refuseCrossSite } from '../../../lib/admin/guard.ts'
import { endedCookie, hasSession, sessionCookie, sessionHeader, sessionSeconds } from '../../../lib/admin/session.ts'

const now = 1_800_000_000_000
const cookieOf = (key: string, at = now) => sessionCookie(key, at, 'HttpOnly').split(';', 1)[0]!
const asks = (cookie: string, headers: object = { [sessionHeader]: '1' }) => ({ headers: { cookie, ...headers } })

describe('a session', () => {
  test('stands for the key that it was made with, among other cookies too', () => {
    expect(hasSession('k', asks(cookieOf('k')), now)).toBe(true)
    expect(hasSession('k', asks(`theme=dark; ${cookieOf('k')}; a=b`), now + 1_000)).toBe(true)
  })

  test('ends with its time, and with the key', () => {
    expect(hasSession('k', asks(cookieOf('k')), now + sessionSeconds * 1_000)).toBe(false)
    expect(hasSession('other', asks(cookieOf('k')), now)).toBe(false)
  })

  test('is nothing without the header of the page', () => {
    expect(hasSession('k', asks(cookieOf('k'), {}), now)).toBe(false)
  })

  test('cannot be made longer, and does not hold the key', () => {
    const cookie = cookieOf('sk-admin')
    expect(cookie).not.toContain('sk-admin')
    const [, expires] = /=(\d+)\./.exec(cookie)!
    expect(hasSession('sk-admin', asks(cookie.replace(expires!, String(Number(expires) + 1))), now)).toBe(false)
    for (const other of ['', 'llmux_session=', 'llmux_session=1.', `x${cookie}`, cookie.slice(0, -1)]) expect(hasSession('sk-admin', asks(other), now), other).toBe(false)
  })

  test('is forgotten by its end', () => {
    expect(endedCookie('Path=/admin')).toBe('llmux_session=; Max-Age=0; Path=/admin')
  })
})

describe('a call that changes something', () => {
  const call = (headers: object, method = 'POST') => refuseCrossSite({ method, headers } as never)
  const host = 'gateway:3000'

  test.for([
    {}, { origin: 'http://gateway:3000', host }, { 'sec-fetch-site': 'same-origin', origin: 'https://outside', host }, { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: 'https://other', authorization: 'Bearer k' }
  ])('is taken with %o', async headers => {
    await expect(call(headers)).resolves.toBeUndefined()
  })

  test.for([
    { 'sec-fetch-site': 'cross-site', origin: 'https://other', host }, { 'sec-fetch-site': 'same-site', origin: 'http://gateway:3000', host },
    { origin: 'http://other:3000', host }, { origin: 'null', host }
  ])('is refused with %o', async headers => {
    await expect(call(headers)).rejects.toMatchObject({ code: 'LLMUX_ERR_CROSS_SITE', statusCode: 403 })
    await expect(call(headers, 'GET')).resolves.toBeUndefined()
  })
})
