import { expect, test } from 'vitest'
import { readArguments } from '../../../lib/cli/arguments.ts'
import { help } from '../../../lib/cli/help.ts'

test('the help fits a screen', () => {
  const lines = help.split('\n')
  expect(lines.length).toBeLessThanOrEqual(24)
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
})

test('the help has every flag that there is', () => {
  for (const flag of ['config', 'port', 'host', 'demo', 'model', 'level', 'cycles', 'share', 'json', 'write', 'print-options', 'help', 'version']) {
    expect(help).toContain(`--${flag}`)
  }
})

const read = (line: string) => readArguments(line.split(' ').filter(Boolean))

test.for([
  ['', { command: 'help' }],
  ['serve --help', { command: 'help' }],
  ['simulate --config nothing --of-ours', { command: 'simulate' }],
  ['-v', { command: 'version' }],
  ['--print-options -c f', { command: 'print-options', config: 'f' }],
  ['serve --config f --print-options', { command: 'print-options', config: 'f' }],
  ['serve --config f', { command: 'serve', config: 'f', port: undefined, host: undefined }],
  ['serve --demo --port 0', { command: 'serve', config: undefined, port: 0, host: undefined }],
  ['serve --config f --port 0 --host ::1', { command: 'serve', config: 'f', port: 0, host: '::1' }],
  ['validate -c f', { command: 'validate', config: 'f', models: undefined, levels: undefined, cycles: undefined, share: undefined, json: undefined, write: false }],
  ['validate -c f --model a --model b --level 1,3,1 --cycles 5 --share 90 --json r --write',
    { command: 'validate', config: 'f', models: ['a', 'b'], levels: [1, 3], cycles: 5, share: 0.9, json: 'r', write: true }]
] as const)('%s', ([line, wanted]) => {
  expect(read(line)).toEqual(wanted)
})

test.for([
  ['srve', 'unknown command "srve": use one of serve, validate, simulate'],
  ['toString', 'unknown command "toString"'],
  ['serve', '--config FILE is missing'],
  ['serve --demo -c f', '--demo has its own models: leave --config out'],
  ['validate --demo', '--demo is not for validate'],
  ['--config f', 'no command: use one of serve, validate, simulate'],
  ['serve f', 'unexpected argument "f": name a file with --config'],
  ['serve -c f --write', '--write is not for serve'],
  ['validate -c f --port 1', '--port is not for validate'],
  ['--print-options -c f --json x', '--json is not for --print-options'],
  ['serve -c f --port x', '--port must be a whole number from 0 to 65535, not "x"'],
  ['serve -c f --port 70000', '--port must be'],
  ['validate -c f --level 4', '--level must be a whole number from 1 to 3, not "4"'],
  ['validate -c f --cycles 0', '--cycles must be a whole number from 1'],
  ['validate -c f --share 101', '--share must be'],
  ['serve --confg f', "Unknown option '--confg'"],
  ['serve --config', "Option '-c, --config <value>' argument missing"]
] as const)('%s is refused: %s', ([line, message]) => {
  expect(() => read(line)).toThrow(message)
})
