import { parse } from 'csv-parse/sync'
import { TraceError } from '../../errors.ts'
import type { Arrival } from './arrival.ts'

/** Where a CSV keeps what is wanted; the names that are looked for, the first that is there wins. */
const known = {
  seconds: ['time_s', 'time', 'TIMESTAMP'],
  milliseconds: ['timestamp_ms'],
  model: ['model'],
  service: ['service_s', 'seconds', 'service'],
  input: ['input_tokens', 'ContextTokens', 'input_length'],
  output: ['output_tokens', 'GeneratedTokens', 'output_length']
}

type Field = keyof typeof known
type Row = Record<string, string>
type Fields = Record<Field, string | undefined>

export interface CsvOptions {
  /** The model of all requests, for a file without a column `model`. */
  model?: string
}

/** Milliseconds that a request takes by its tokens: 6 000 per second read, 25 ms for each one written. */
export function serviceOfTokens (input: number, output: number): number {
  return (input / 6000 + output * 0.025) * 1000
}

/**
 * Requests from the text of a CSV with a header: when (`time_s` or `time` in seconds or as a date, or `timestamp_ms`), which
 * `model`, and how long it takes: `service_s` in seconds, or tokens read and written, by the names that public traces have
 * for them. In the order of their times, the first at 0. Throws `LLMUX_ERR_TRACE`, which names the line.
 */
export function readCsv (text: string, options: CsvOptions = {}): Arrival[] {
  const records = parseRecords(text)
  const fields = fieldsOf(Object.keys(records[0]?.record ?? {}), options)
  const arrivals = records.map(({ record, line }) => arrivalOf(record, line, fields, options)).sort((a, b) => a.time - b.time)
  const begin = arrivals[0]!.time
  return arrivals.map(arrival => ({ ...arrival, time: arrival.time - begin }))
}

function parseRecords (text: string): { record: Row, line: number }[] {
  try {
    const parsed = parse(text, { columns: true, info: true, bom: true, skip_empty_lines: true, trim: true }) as unknown as { record: Row, info: { lines: number } }[]
    if (parsed.length === 0) throw new TraceError(1, 'there are no requests')
    return parsed.map(({ record, info }) => ({ record, line: info.lines }))
  } catch (error) {
    if (error instanceof TraceError) throw error
    const { lines, message } = error as Error & { lines?: number }
    throw new TraceError(lines ?? 1, message, { cause: error })
  }
}

function fieldsOf (columns: readonly string[], { model }: CsvOptions): Fields {
  const entries = Object.entries(known).map(([field, names]) => [field, names.find(name => columns.includes(name))])
  const fields = Object.fromEntries(entries) as Fields
  if (fields.seconds === undefined && fields.milliseconds === undefined) throw new TraceError(1, 'no column `time_s`, `time` or `timestamp_ms`')
  if (fields.model === undefined && model === undefined) throw new TraceError(1, 'no column `model`')
  if (fields.service === undefined && (fields.input === undefined || fields.output === undefined)) {
    throw new TraceError(1, 'no column `service_s`, nor `input_tokens` and `output_tokens`')
  }
  return fields
}

function arrivalOf (row: Row, line: number, fields: Fields, options: CsvOptions): Arrival {
  const number = (name: string) => {
    const value = row[name] === '' ? NaN : Number(row[name])
    if (!(value >= 0 && value < Infinity)) throw new TraceError(line, `\`${name}\` is no number of at least 0: ${row[name]}`)
    return value
  }
  const model = fields.model === undefined ? options.model! : row[fields.model]!
  if (model === '') throw new TraceError(line, 'the model has no name')
  return {
    time: fields.seconds === undefined ? number(fields.milliseconds!) : timeOf(row[fields.seconds]!, line),
    model,
    service: fields.service === undefined ? serviceOfTokens(number(fields.input!), number(fields.output!)) : number(fields.service) * 1000
  }
}

/** Seconds as a number, or a date; as milliseconds. */
function timeOf (text: string, line: number): number {
  const time = text === '' || isNaN(Number(text)) ? dateOf(text) : Number(text) * 1000
  if (!(time >= 0 && time < Infinity)) throw new TraceError(line, `no time: ${text}`)
  return time
}

/** `2023-11-16 18:17:03.9799600` and the like, in UTC; `Date` alone would read it in the local time zone and drop digits. */
function dateOf (text: string): number {
  const [, date = '', time = '', fraction = '0'] = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(?:Z|\+00:00)?$/.exec(text) ?? []
  return Date.parse(`${date}T${time}Z`) + Number(fraction) * 1000
}
