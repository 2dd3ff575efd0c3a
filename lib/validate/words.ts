/** Figures as people read them. */

export const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(milliseconds < 1_000 ? 2 : 1)} s`

export function mebibytes (bytes: number): string {
  const mebibytes = bytes / 1024 ** 2
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`
}

/** Rounded down, so that what is not enough does not look as if it were. */
export const percent = (share: number): string => `${Math.floor(share * 100 + 1e-9)} %`

const longest = 60

export function quoted (text: string): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text)
}
