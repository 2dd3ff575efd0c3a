import type { Lane } from './lanes.ts'
import type { Counts, TransitionChange } from './types.ts'
import type { Shown } from './words.ts'

export interface Geometry {
  width: number
  /** Of one lane. */
  row: number
  top: number
  left: number
  right: number
  /** Milliseconds. */
  perPixel: number
  x: (time: number) => number
  time: (x: number) => number
}

export function geometry (width: number, count: number, left: number, right: number): Geometry {
  const perPixel = (right - left) / Math.max(1, width)
  return { width, row: 44, top: 0, left, right, perPixel, x: time => (time - left) / perPixel, time: x => left + x * perPixel }
}

interface Picture {
  counts: readonly Counts[]
  transitions: readonly TransitionChange[]
  geometry: Geometry
}

/** How high a state stands in its lane, in pixels: who is asleep is a line. */
const heights: Record<Shown, number> = { awake: 18, draining: 18, frozen: 18, starting: 18, waking: 18, sleeping: 10, stopping: 10, asleep: 4, stopped: 0, failed: 18 }
/** Pixels. */
const mark = 12
const striped = new Set<Shown>(['draining', 'starting', 'frozen'])

export function draw (canvas: HTMLCanvasElement, lanes: readonly Lane[], picture: Picture): void {
  const { clientWidth: width, clientHeight: height } = canvas
  const ratio = devicePixelRatio
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext('2d')!
  const style = getComputedStyle(canvas)
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim()
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  ticks(context, picture.geometry, height, colour)
  const highest = Math.max(4, ...picture.counts.filter(({ time }) => time >= picture.geometry.left).flatMap(({ models }) => Object.values(models).map(([, waiting]) => waiting)))
  lanes.forEach((lane, index) => {
    const middle = picture.geometry.top + index * picture.geometry.row + picture.geometry.row / 2
    context.fillStyle = colour('line')
    context.fillRect(0, middle + picture.geometry.row / 2 - 1, width, 1)
    segments(context, lane, middle, picture.geometry, colour)
    queue(context, lane.model, middle, highest, picture, colour)
  })
}

function segments (context: CanvasRenderingContext2D, lane: Lane, middle: number, { x, left, right, width }: Geometry, colour: (name: string) => string): void {
  for (const { from, to, state } of lane.segments) {
    const height = heights[state]
    if (height === 0 || to < left || from > right) continue
    const begin = Math.max(0, x(from))
    const end = Math.min(width, Math.max(x(to), x(from) + 2))
    context.fillStyle = colour(state)
    // That it failed is a moment; that it has failed is a line.
    if (state === 'failed' && end - begin > mark) context.fillRect(begin + mark - 1, middle - 1, end - begin - mark, 2)
    context.beginPath()
    context.roundRect(begin, middle - height / 2, Math.max(1, (state === 'failed' ? Math.min(end - begin, mark) : end - begin) - 0.5), height, height > 4 ? 3 : 1)
    context.fill()
    if (striped.has(state) && end - begin > 3) stripes(context, begin, end, middle, height, colour('stripe'))
  }
}

function stripes (context: CanvasRenderingContext2D, begin: number, end: number, middle: number, height: number, colour: string): void {
  context.save()
  context.beginPath()
  context.rect(begin, middle - height / 2, end - begin, height)
  context.clip()
  context.strokeStyle = colour
  context.lineWidth = 2
  context.beginPath()
  for (let at = begin - height - begin % 7; at < end; at += 7) {
    context.moveTo(at, middle + height / 2)
    context.lineTo(at + height, middle - height / 2)
  }
  context.stroke()
  context.restore()
}

/** Steps: between two looks nothing is known. */
function queue (context: CanvasRenderingContext2D, model: string, middle: number, highest: number, { counts, geometry: { x, left, right, row, width } }: Picture, colour: (name: string) => string): void {
  const base = middle + row / 2 - 4
  const y = (waiting: number) => base - waiting / highest * (row - 8)
  let last = 0
  let begun = false
  context.beginPath()
  for (let index = 0; index < counts.length; index++) {
    const { time, models } = counts[index]!
    const waiting = models[model]?.[1] ?? 0
    const next = counts[index + 1]?.time ?? right
    if (next < left || time > right) { last = waiting; continue }
    const at = Math.max(0, x(time))
    if (waiting === 0 && last === 0) { begun = false; continue }
    if (!begun) { context.moveTo(at, y(last)); begun = true }
    context.lineTo(at, y(waiting))
    context.lineTo(Math.min(width, x(next)), y(waiting))
    last = waiting
  }
  context.lineJoin = 'round'
  context.strokeStyle = colour('surface')
  context.lineWidth = 4
  context.stroke()
  context.strokeStyle = colour('queue')
  context.lineWidth = 2
  context.stroke()
}

const steps = [10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600].map(seconds => seconds * 1_000)

function ticks (context: CanvasRenderingContext2D, { x, left, right, perPixel, width }: Geometry, height: number, colour: (name: string) => string): void {
  const step = steps.find(one => one / perPixel >= 88) ?? 7_200_000
  // Full minutes of this place's clock.
  const zone = new Date(right).getTimezoneOffset() * 60_000
  context.font = `11px ${getComputedStyle(context.canvas).fontFamily}`
  context.textBaseline = 'bottom'
  for (let time = Math.ceil((left - zone) / step) * step + zone; time <= right; time += step) {
    const at = Math.round(x(time))
    context.fillStyle = colour('line')
    context.fillRect(at, 0, 1, height - 20)
    const label = new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...(step < 60_000 && { second: '2-digit' }), hour12: false })
    context.fillStyle = colour('muted')
    const wide = context.measureText(label).width
    context.fillText(label, Math.min(Math.max(0, at - wide / 2), width - wide), height - 3)
  }
}
