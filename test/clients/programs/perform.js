import { text } from 'node:stream/consumers'

/** @typedef {{ text?: string, finish?: string | undefined, length?: number | undefined, [other: string]: unknown }} Saw */
/** @typedef {(step: any, url: string, saw: Saw) => Promise<Saw | void>} Operation */

/**
 * Does the steps given as JSON on its input, one after the other, and prints what each came to.
 * @param {Record<string, Operation>} operations
 * @param {(error: any) => { status: number | null, code: string | null }} describe
 */
export async function perform (operations, describe) {
  const { url, steps } = JSON.parse(await text(process.stdin))
  for (const step of steps) {
    /** @type {Saw} */
    const saw = {}
    try {
      Object.assign(saw, await operations[step.op]?.(step, url, saw))
    } catch (error) {
      const { name, constructor, message } = /** @type {Error} */ (error)
      saw['error'] = { type: name === undefined || name === 'Error' ? constructor.name : name, message, ...describe(error) }
    }
    console.log(JSON.stringify({ ...saw, name: step.name }))
  }
}
