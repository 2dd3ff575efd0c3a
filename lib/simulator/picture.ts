import type { Lane, Length, Moment, Timeline } from './timeline.ts'

export interface PictureOptions {
  title?: string
  /** The part that is shown, in milliseconds since the beginning. Default: all of it. */
  begin?: number
  end?: number
}

const width = 960
const left = 150
const top = 62
const laneHeight = 64
const gap = 16
const plot = width - left - 24
const colours: Record<Moment['state'], string> = { awake: '#8ccf9a', draining: '#e8d98a', switching: '#e79a6b', asleep: 'none' }

/** An SVG with a lane for each model: awake, draining, switching, and how many waited for it. */
export function picture (timeline: Timeline, { title = '', begin = 0, end = timeline.end }: PictureOptions = {}): string {
  const models = Object.entries(timeline.lanes)
  const columns = models.map(([, { lengths }]) => columnsOf(lengths, begin, end))
  const most = Math.max(1, ...columns.flat())
  const height = top + models.length * (laneHeight + gap) + 34
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="24" font-size="15">${escaped(title)}</text>`,
    legend(most),
    ...models.map(([model, lane], index) => laneOf(model, lane, columns[index]!, { begin, end, most, y: top + index * (laneHeight + gap) })),
    axis(begin, end, height - 18),
    '</svg>\n'
  ].join('\n')
}

interface Frame {
  begin: number
  end: number
  most: number
  y: number
}

function laneOf (model: string, { moments }: Lane, columns: number[], { begin, end, most, y }: Frame): string {
  const x = (time: number) => left + plot * (Math.min(Math.max(time, begin), end) - begin) / Math.max(1, end - begin)
  const bands = moments.flatMap(({ time, state }, index) => {
    const [from, to] = [x(time), x(moments[index + 1]?.time ?? end)]
    return state === 'asleep' || to <= from ? [] : [`<rect x="${round(from)}" y="${y}" width="${round(to - from)}" height="${laneHeight}" fill="${colours[state]}"/>`]
  })
  const outline = columns.map((waiting, column) => `${left + column},${round(y + laneHeight * (1 - waiting / most))}`)
  return [
    `<text x="${left - 8}" y="${y + laneHeight / 2 + 4}" text-anchor="end">${escaped(model)}</text>`,
    ...bands,
    `<polygon points="${left},${y + laneHeight} ${outline.join(' ')} ${left + plot},${y + laneHeight}" fill="#3b5b92" fill-opacity="0.75"/>`,
    `<rect x="${left}" y="${y}" width="${plot}" height="${laneHeight}" fill="none" stroke="#bbb"/>`
  ].join('\n')
}

/** The longest queue in each column of pixels. */
function columnsOf (lengths: readonly Length[], begin: number, end: number): number[] {
  const columns: number[] = Array(plot).fill(0)
  const column = (time: number) => Math.floor(plot * (time - begin) / Math.max(1, end - begin))
  lengths.forEach(({ time, waiting }, index) => {
    const last = Math.min(plot - 1, column(lengths[index + 1]?.time ?? end))
    for (let at = Math.max(0, column(time)); at <= last; at++) columns[at] = Math.max(columns[at]!, waiting)
  })
  return columns
}

function legend (most: number): string {
  const entries = [['awake', colours.awake], ['draining', colours.draining], ['switching', colours.switching], [`waiting (a lane is ${most} high)`, '#3b5b92']] as const
  return entries.map(([text, colour], index) => {
    const x = left + index * 120
    return `<rect x="${x}" y="38" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="48">${text}</text>`
  }).join('\n')
}

function axis (begin: number, end: number, y: number): string {
  const step = stepOf(end - begin)
  const marks: string[] = []
  for (let time = Math.ceil(begin / step) * step; time <= end; time += step) {
    const x = round(left + plot * (time - begin) / Math.max(1, end - begin))
    marks.push(`<line x1="${x}" x2="${x}" y1="${y - 14}" y2="${y - 8}" stroke="#888"/><text x="${x}" y="${y + 6}" text-anchor="middle">${clockTime(time)}</text>`)
  }
  return marks.join('\n')
}

/** Milliseconds between two marks, so that there are at most twelve. */
function stepOf (span: number): number {
  const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 24 * 3600].map(seconds => seconds * 1000)
  return steps.find(step => span / step <= 12) ?? span / 10
}

/** `min:s`, or `h:min:s` from an hour on. */
function clockTime (milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const two = (number: number) => String(number).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  return `${hours > 0 ? `${hours}:${two(Math.floor(seconds / 60) % 60)}` : Math.floor(seconds / 60)}:${two(seconds % 60)}`
}

function escaped (text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}

function round (number: number): number {
  return Math.round(number * 100) / 100
}
