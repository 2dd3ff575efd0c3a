export interface StreamEvent { id: string, event: string, data: string }

/** Reads server-sent events from an answer, as they come. */
export async function readEvents (response: Response, onEvent: (event: StreamEvent) => void, onBytes: () => void = () => {}): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    onBytes()
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const parsed = parse(block)
      if (parsed !== undefined) onEvent(parsed)
    }
  }
}

/** Undefined for comments. */
function parse (block: string): StreamEvent | undefined {
  const event: StreamEvent = { id: '', event: 'message', data: '' }
  let any = false
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    if (colon <= 0) continue
    const name = line.slice(0, colon)
    if (name !== 'id' && name !== 'event' && name !== 'data') continue
    event[name] = line.slice(colon + 2)
    any = true
  }
  return any ? event : undefined
}
