import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { LlmuxEvents } from '../../events.ts'

/** How much of a file is read to find its last line, in bytes: no line is nearly as long. */
const tail = 64 * 1024

export const arrivalColumns = 'time_s,model,service_s,input_bytes,output_bytes'

interface Arrival {
  /** Milliseconds since the first request. */
  time: number
  input: number
  /** Milliseconds in the engine so far. */
  served: number
}

/**
 * Writes a line for each served request at its end: arrival in seconds since the first one (`offset` milliseconds, where an
 * earlier run ended), model, time in the engine, sizes. A request that was not served has no time in the engine, and is left
 * out.
 */
export function recordArrivals (events: LlmuxEvents, write: (line: string) => void, offset: number): void {
  const arrivals = new Map<number, Arrival>()
  let begin: number | undefined
  events.on('request', ({ id, time, from, to, duration, model, input = 0, output = 0 }) => {
    if (from === 'arrived') arrivals.set(id, { time: time - (begin ??= time), input, served: 0 })
    const arrival = arrivals.get(id)
    if (arrival !== undefined && from === 'granted') arrival.served += duration
    if (to === 'granted' || to === 'queued' || to === 'frozen') return
    arrivals.delete(id)
    if (arrival === undefined || to !== 'released') return
    write([seconds(offset + arrival.time), field(model), seconds(arrival.served), arrival.input, output].join(','))
  })
}

/** The time in the last line of a file of arrivals, in milliseconds; undefined if there is none. */
export function lastTime (path: string): number | undefined {
  const last = lastLine(path)
  const time = Number(last?.split(',', 1)[0] || NaN)
  return Number.isFinite(time) ? time * 1_000 : undefined
}

function lastLine (path: string): string | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, tail))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8').trimEnd().split('\n').at(-1)
  } catch {
    // The file does not exist yet, or cannot be read: then writing will fail and say so.
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function seconds (milliseconds: number): number {
  return Math.round(milliseconds) / 1_000
}

/** Names may contain commas and quotes. */
function field (text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
