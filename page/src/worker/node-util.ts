/** As Node's, for the two placeholders that our messages have. */
export function format (text: string, ...args: unknown[]): string {
  return text.replace(/%[sd]/g, () => String(args.shift()))
}
