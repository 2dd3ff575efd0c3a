import { post } from './api.ts'
import { changed, tell } from './store.ts'

export interface Question {
  title: string
  /** What the action will do, above all to requests in flight. */
  text: string[]
  /** The actions with the words on their buttons; several if there is a choice. */
  answers: Array<{ label: string, danger?: boolean, path: string, body?: object }>
}

interface Asked extends Question {
  /** Called when it has been answered. */
  done: () => void
}

let asked: Asked | undefined
export const question = () => asked

export function ask (wanted: Asked): void {
  asked = wanted
  changed()
}

export function dismiss (): void {
  asked = undefined
  changed()
}

export async function answer ({ title, done }: Asked, { path, body }: Question['answers'][number]): Promise<void> {
  dismiss()
  try {
    await post(path, body)
    tell('good', `${title.replace(/\?$/, '')}: asked for`)
  } catch (error) {
    tell('bad', `${title.replace(/\?$/, '')}: ${(error as Error).message}`)
  }
  done()
}
