// Counts the tests in the files that vitest (JSON) and tap (TAP) have written, and ends with `N passed, N failed`.
//
//     node .ci/results.js STEP=EXIT-CODE[:FILE,…] …
//
// A step that failed without a failed test, and one without its results, count as one failure.
import { existsSync, readFileSync } from 'node:fs'
import { Parser } from 'tap-parser'

/** @typedef {{ passed: number, failed: number }} Counts */

/** Whatever did not pass has failed: also what vitest never got to, which it calls pending. @param {string} text @returns {Counts} */
function countVitest (text) {
  /** @type {{ testResults: { status: string, assertionResults: { status: string }[] }[] }} */
  const { testResults } = JSON.parse(text)
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const passed = tests.filter(({ status }) => status === 'passed').length
  const brokenFiles = testResults.filter(({ status, assertionResults }) => status !== 'passed' && assertionResults.every(test => test.status === 'passed')).length
  return { passed, failed: tests.length - passed + brokenFiles }
}

/** A test is what has assertions of its own; what only holds others is none. @param {string} text @returns {Counts} */
function countTap (text) {
  const counts = { passed: 0, failed: 0 }
  const root = new Parser()
  watch(root, counts)
  root.on('bailout', () => counts.failed++)
  root.end(text)
  return counts
}

/** @param {Parser} parser @param {Counts} counts */
function watch (parser, counts) {
  let own = { passed: 0, failed: 0 }
  /** Whether the child passed whose own line comes next. @type {boolean | undefined} */
  let closing
  parser.on('child', child => {
    watch(child, counts)
    child.on('complete', (/** @type {{ ok: boolean }} */ { ok }) => { closing = ok })
  })
  parser.on('assert', (/** @type {{ ok: boolean, skip?: unknown, todo?: unknown }} */ { ok, skip, todo }) => {
    const summary = closing !== undefined && (ok || !closing)
    closing = undefined
    if (!summary && !skip && !todo) own = ok ? { ...own, passed: own.passed + 1 } : { ...own, failed: own.failed + 1 }
  })
  parser.on('complete', () => {
    if (own.failed > 0) counts.failed++
    else if (own.passed > 0) counts.passed++
  })
}

/** @param {string} step @returns {Counts} */
function countStep (step) {
  const [, name, status, files = ''] = /^([^=]+)=(\d+)(?::(.*))?$/.exec(step) ?? []
  if (name === undefined) throw new Error(`not STEP=EXIT-CODE[:FILES]: ${step}`)
  const counts = files.split(',').filter(Boolean).map(file => countFile(file, status === '0'))
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, 0)
  const broken = status !== '0' && failed === 0
  console.log(`${name}: ${status === '0' ? 'ok' : `exit code ${status}`}, ${passed} tests passed, ${failed} failed${broken ? '; the step itself has failed' : ''}`)
  return { passed, failed: broken ? 1 : failed }
}

/** A step that ended early need not have got as far as this file. @param {string} file @param {boolean} required @returns {Counts} */
function countFile (file, required) {
  if (existsSync(file)) {
    const counts = (file.endsWith('.json') ? countVitest : countTap)(readFileSync(file, 'utf8'))
    if (counts.passed + counts.failed > 0) return counts
  }
  console.log(`${file}: no results`)
  return { passed: 0, failed: required ? 1 : 0 }
}

const counts = process.argv.slice(2).map(countStep)
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + count.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
