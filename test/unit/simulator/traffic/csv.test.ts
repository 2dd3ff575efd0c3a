import { describe, expect, test } from 'vitest'
import { readCsv } from '../../../../lib/simulator/traffic/csv.ts'

test('a recording of the gateway, in the order of its times, from 0 on', () => {
  const text = 'time_s,model,service_s,input_bytes,output_bytes\n12.5,b,0.25,10,20\n10,a,3,10,20\n'
  expect(readCsv(text)).toEqual([{ time: 0, model: 'a', service: 3000 }, { time: 2500, model: 'b', service: 250 }])
})

test.for([
  ['time_s,model,input_tokens,output_tokens\n0,m,6000,40', 'm'],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,6000,40', 'given'],
  ['timestamp_ms,input_length,output_length\n7,6000,40', 'given']
])('tokens make the time in the engine, by the names of public traces: %s', ([text, model]) => {
  expect(readCsv(text!, { model: 'given' })).toEqual([{ time: 0, model, service: 2000 }])
})

test('dates are told apart to the millisecond and below, across midnight', () => {
  const text = 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.9999000,0,40\n2023-11-17 00:00:00.5000000,0,40\n'
  const [, second] = readCsv(text, { model: 'a' })
  expect(second!.time).toBeCloseTo(500.1, 3)
})

test('quotes, spaces, a byte order mark and other line ends are read as CSV has them', () => {
  expect(readCsv('\uFEFFmodel, time , service\r\n"a, ""b""",1,2\r\n\r\n')).toEqual([{ time: 0, model: 'a, "b"', service: 2000 }])
})

describe('errors name the line', () => {
  test.for([
    ['', 1, /no requests/],
    ['time_s,model,service_s\n', 1, /no requests/],
    ['model,service_s\na,1', 1, /time_s/],
    ['time_s,service_s\n1,1', 1, /model/],
    ['time_s,model,input_tokens\n1,a,1', 1, /service_s/],
    ['time_s,model,service_s\n0,a,1\n1,a,fast\n', 3, /`service_s`.*fast/],
    ['time_s,model,service_s\n0,a,1\n\n1,a,-1\n', 4, /-1/],
    ['time_s,model,service_s\n0,a,\n', 2, /service_s/],
    ['time_s,model,service_s\nyesterday,a,1\n', 2, /yesterday/],
    ['time_s,model,service_s\n0,,1\n', 2, /no name/],
    ['time_s,model,service_s\n0,a,1\n0,a\n', 3, /./],
    ['time_s,model,service_s\n0,"a,1\n', 2, /./]
  ] as const)('%j', ([text, line, reason]) => {
    expect(() => readCsv(text)).toThrow(expect.objectContaining({ code: 'LLMUX_ERR_TRACE', message: expect.stringMatching(new RegExp(`line ${line}: .*${reason.source}`)) }))
  })
})
