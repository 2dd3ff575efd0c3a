/** Aborts at SIGINT and SIGTERM, so that engines are stopped in order. A second signal ends the process at once, as usual. */
export function interruption (): { signal: AbortSignal, forget: () => void } {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const listener = (signal: NodeJS.Signals) => {
    forget()
    controller.abort(new Error(`interrupted by ${signal}`))
  }
  const forget = () => { for (const signal of signals) process.off(signal, listener) }
  for (const signal of signals) process.on(signal, listener)
  return { signal: controller.signal, forget }
}
