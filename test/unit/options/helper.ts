import { expect } from 'vitest'
import { resolveOptions } from '../../../lib/options/index.ts'
import type { ResolvedModel, ResolvedOptions } from '../../../lib/options/index.ts'

/** Options as a user of plain JavaScript may write them: of any shape. */
export const resolve = (options: unknown): ResolvedOptions => resolveOptions(options as never)

/** The options with one model. */
export const withModel = (model: unknown, more: object = {}): ResolvedOptions => resolve({ models: { a: model }, ...more })

/** The options with one plain model and these. */
export const withTop = (top: object): ResolvedOptions => withModel({}, top)

export function modelOf (options: ResolvedOptions, id = 'a'): ResolvedModel {
  const model = options.models.find(model => model.id === id)
  expect(model).toBeDefined()
  return model as ResolvedModel
}

/** The words of the error with which these options are refused, after its fixed beginning. */
export function refusal (action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(error).toMatchObject({ code: 'LLMUX_ERR_OPTIONS' })
    const { message } = error as Error
    expect(message).toMatch(/^llmux: option /)
    return message.replace('llmux: option ', '')
  }
  throw new Error('the options were accepted')
}
