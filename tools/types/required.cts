// From CommonJS the package is imported dynamically.
export async function build () {
  const { default: llmux, OptionsError } = await import('fastify-llmux')
  // @ts-expect-error not any
  const code: number = new OptionsError('a', 'b').code
  return { llmux, code }
}
